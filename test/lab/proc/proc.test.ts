// What /proc says: texts of the kernel's own, and this process itself.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { readOrNull } from '../../../src/base/read-or-null.ts'
import {
  bootId,
  isAlive,
  memoryUsedBytes,
  ownIdentity,
  parseCpuTimes,
  parseLoad1m,
  parseMeminfo,
  parseNamespaces,
  parsePressureSome,
  parseSmaps,
  parseSmapsRollupPss,
  parseStat,
  parseStatus,
  readStat,
} from '../../../src/lab/proc/proc.ts'

t.test('meminfo is in bytes, and counts stay counts', async t => {
  const values = parseMeminfo(
    'MemTotal:       24683920 kB\nMemAvailable:    1 kB\nActive(anon): 2 kB\nHugePages_Total:       3\n',
  )
  t.same(values, { MemTotal: 24_683_920 * 1024, MemAvailable: 1024, 'Active(anon)': 2048, HugePages_Total: 3 })
})

t.test('status gives resident memory and threads; a zombie has no memory', async t => {
  t.same(parseStatus('Name:\tnode\nVmRSS:\t   4321 kB\nRssAnon:\t1 kB\nRssShmem:\t7 kB\nThreads:\t11\n'), {
    rssBytes: 4321 * 1024,
    ownBytes: 8 * 1024,
    threads: 11,
  })
  t.same(parseStatus('Name:\tnode\nState:\tZ (zombie)\nThreads:\t1\n'), { rssBytes: 0, ownBytes: null, threads: 1 })
})

t.test('stat is read past a command that looks like its fields', async t => {
  const text = '42 (a) R 1 (x) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 11 0 9876 1 2 3 4\n'
  t.same(parseStat(text), { pid: 42, comm: 'a) R 1 (x', state: 'S', parentPid: 7, cpuS: 2, startTicks: 9876 })
})

t.test('pressure, load and proportional memory are read', async t => {
  t.equal(
    parsePressureSome('some avg10=7.91 avg60=2.53 avg300=0.91 total=1\nfull avg10=3.00 avg60=0 avg300=0 total=0\n'),
    7.91,
  )
  t.equal(parseLoad1m('0.24 0.09 0.06 4/112 6532\n'), 0.24)
  t.equal(
    parseSmapsRollupPss('55-7f ---p 0 00:00 0 [rollup]\nRss: 9 kB\nPss:                12 kB\nPss_Dirty: 3 kB\n'),
    12 * 1024,
  )
  t.same(parseSmaps(''), [])
  const area = (size: number, pss: number): string =>
    `7f-8f rw-p 0 00:00 0 [stack]\nSize: ${size} kB\nRss: 9 kB\nPss:        ${pss} kB\nPss_Dirty: 3 kB\nSwapPss: 4 kB\n`
  t.same(parseSmaps(area(132, 5) + area(1024, 0)), [
    { sizeBytes: 132 * 1024, pssBytes: 5 * 1024 },
    { sizeBytes: 1024 * 1024, pssBytes: 0 },
  ])
  t.equal(parsePressureSome(''), 0)
})

t.test('this process is alive, and another one with its pid is not it', async t => {
  const own = ownIdentity()
  t.equal(own.pid, process.pid)
  t.ok(isAlive(own))
  t.notOk(isAlive({ ...own, start_ticks: own.start_ticks + 1 }))
  t.notOk(isAlive({ pid: 2 ** 22 + 1, start_ticks: 1 }))
  t.equal(readStat(process.pid)?.comm.length !== 0, true)
})

t.test('what is not there reads as null', async t => {
  t.equal(readOrNull('/proc/0/stat'), null)
  t.equal(readStat(2 ** 22 + 1), null)
})

t.test('memory in use is what is not available', async t => {
  const { MemTotal = 0 } = parseMeminfo(readFileSync('/proc/meminfo', 'utf8'))
  const used = memoryUsedBytes()
  t.ok(used > 0 && used < MemTotal, `${used} of ${MemTotal}`)
  t.match(bootId(), /^[0-9a-f-]{36}$/)
})

t.test('stolen time and all time are read, guests counted once', async t => {
  const text = 'cpu  100 20 300 4000 50 6 7 80 90 9\ncpu0 1 1 1 1 1 1 1 1 1 1\n'
  t.same(parseCpuTimes(text), { steal_s: 0.8, total_s: 45.63 })
  t.equal(parseCpuTimes('intr 1 2 3\n'), null)
})

t.test('network namespaces are counted where the kernel tells', async t => {
  t.equal(parseNamespaces('slabinfo - version: 2.1\nnet_namespace         70     84   4288    7    8 : x\n'), 70)
  t.equal(parseNamespaces(''), null)
})
