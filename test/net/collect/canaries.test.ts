// Canaries that work on the process itself: each really does what its gate must catch; and a stalled poll does not keep
// a collector from ending.

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Collecting } from '../../fixtures/collecting.ts'
import { isApart } from '../../fixtures/netns-holder.ts'

const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length
const threads = (pid: number): number => readdirSync(`/proc/${pid}/task`).length
const residentBytes = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

function tests(): void {
  for (const [canary, measure, growth] of [
    ['leak-descriptor=100', descriptors, 50],
    ['leak-thread=0.1', threads, 5],
    // 20 MB a second.
    ['leak-memory=72e9', residentBytes, 60e6],
  ] as const) {
    t.test(`${canary} leaks`, async t => {
      const collecting = new Collecting(t, ['--interval', '1h', '--canary', canary])
      await collecting.line('poll')
      const pid = collecting.child.pid as number
      const before = measure(pid)
      while (measure(pid) < before + growth) await new Promise(resolve => setTimeout(resolve, 20))
      collecting.child.kill('SIGTERM')
      t.same(await collecting.ended, { code: 0, signal: null }, collecting.stderr)
    })
  }

  t.test('exit-silently exits with 0, and without a last line', async t => {
    const collecting = new Collecting(t, ['--interval', '50ms', '--canary', 'exit-silently=1'])
    t.same(await collecting.ended, { code: 0, signal: null }, collecting.stderr)
    t.equal(collecting.all('stop').length, 0)
    t.ok(collecting.all('poll').length > 0)
  })

  t.test('panic says so, and is killed', async t => {
    const collecting = new Collecting(t, ['--interval', '50ms', '--canary', 'panic=1'])
    t.same(await collecting.ended, { code: null, signal: 'SIGKILL' })
    t.match(collecting.stderr, /^panic: a canary$/m)
    t.equal(collecting.all('stop').length, 0)
  })

  t.test('stall-poll stops polling; the collector still ends in order', async t => {
    const collecting = new Collecting(t, ['--interval', '20ms', '--canary', 'stall-poll=0.5'])
    await collecting.line('poll')
    let before = -1
    while (before !== collecting.all('poll').length) {
      before = collecting.all('poll').length
      await new Promise(resolve => setTimeout(resolve, 1000))
    }
    collecting.child.kill('SIGTERM')
    t.same(await collecting.ended, { code: 0, signal: null }, collecting.stderr)
    t.equal(collecting.all('poll').length, before)
    t.equal(collecting.all('stop').length, 1)
  })
}

if (isApart(fileURLToPath(import.meta.url))) tests()
