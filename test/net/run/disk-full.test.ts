// A run folder on a disk that fills up: a real file system of 3 MiB, in a mount namespace of its own.

import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Report } from '../../../src/judge/types.ts'
import { startChild } from '../../fixtures/lab/child.ts'
import { ended } from '../../fixtures/launch.ts'
import { cliPath } from '../../fixtures/nslab-process.ts'

t.test('a full disk is said once, leaves whole lines, and the report still fits', async t => {
  const disk = join(t.testdir(), 'disk')
  mkdirSync(disk)
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  const mount = 'mount -t tmpfs -o size=3m tmpfs "$0" && exec "$@"'
  const prefix = ['unshare', ...user, '--mount', 'sh', '-c', mount, disk]
  const child = startChild(t, 'full-disk', [disk], { prefix })
  t.same(await child.next(), {
    intents: [['DISK_REFUSED', 'ENOSPC']],
    heard: ['ENOSPC'],
    failureAfterIntent: 'ENOSPC',
    failure: 'DISK_REFUSED',
    reserveWasFreed: true,
    outcome: true,
    tooLate: false,
    whole: [true, true],
    events: 201,
    noSpaceAtStart: ['DISK_REFUSED', 'ENOSPC'],
  })
  t.equal(await child.ended, 0)
})

/** A run on a disk of its own, filled when a line arrives; its report is what is left to read. */
const runAndFill = `
  mount -t tmpfs -o size=100m tmpfs "$0" && cd "$0" || exit 1
  "$@" >&2 </dev/null & run=$!
  read -r line
  cat /dev/zero > ballast 2>/dev/null
  wait $run; code=$?
  cat run/report.json; exit $code`

const SMALL_CHURN = ['churn.namespaces=8', 'churn.rate_per_s=8'].flatMap(each => ['--set', each])
/** What runs, and the phase in which its disk is filled. */
const runs = [
  { args: ['ring', '--nodes', '3', '--set', 'run.hold=120s'], phase: 'hold' },
  { args: ['churn', '--on', 'host', '--duration', '120s', ...SMALL_CHURN], phase: 'churn' },
]

for (const { args, phase } of runs)
  t.test(
    `${args[0]}: a run whose disk fills up ends in order, and writes its report`,
    { skip: process.getuid?.() !== 0 },
    async t => {
      const disk = join(t.testdir(), 'disk')
      mkdirSync(disk)
      const command = [process.execPath, cliPath, 'run', ...args, '--out', 'run']
      const child = spawn('unshare', ['--mount', 'sh', '-c', runAndFill, disk, ...command])
      let said = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text
        if (new RegExp(`^nslab: (${phase}$|error)`, 'm').test(said) && child.stdin.writable) child.stdin.end('fill\n')
      })
      const { code, out } = await ended(child)
      t.equal(code, 6, said)
      const { exit_code, error, metrics } = JSON.parse(out.slice(out.indexOf('{\n'))) as Report
      t.match(
        { exit_code, error, metrics },
        { exit_code: 6, error: { code: 'DISK_REFUSED' }, metrics: { residue_count: 0 } },
      )
    },
  )
