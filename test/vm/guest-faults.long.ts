// What goes wrong inside the guest of a run: told with the kind, the guest's own last words and what to do, judged
// again from the folder, and nothing left.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type ExecResult, run as runTool } from '../../src/base/exec.ts'
import { cliPath, type NslabProcess, processesOf, untilEmpty } from '../fixtures/nslab-process.ts'
import { linesOf, startVmRun, vmsLeft } from '../fixtures/vm-run.ts'

/** Held until something ends it. */
const HELD = ['--nodes', '3', '--set', 'run.hold=600s'] as const

/** Runs a line in a guest of a run that goes on, as its user would; the guest need not survive it. */
async function inGuest(run: NslabProcess, line: string, vm = 'vm1'): Promise<ExecResult> {
  const args = ['exec', '--run', run.folder, '--vm', vm, '--', 'sh', '-c', line]
  return runTool(process.execPath, [cliPath, ...args], { timeoutMs: 300_000 })
}

/** Its report says what broke; judged again it says the same; its console is kept, and nothing else of it is left. */
async function fails(t: Test, run: NslabProcess, words: RegExp): Promise<void> {
  const ended = await run.ended
  t.equal(ended.code, 6, ended.stderr + ended.stdout)
  t.match(ended.stdout, words)
  const report = run.report()
  t.match(report, { verdict: 'error', exit_code: 6, error: { message: words, phase: 'hold' } })
  const again = await runTool(process.execPath, [cliPath, 'report', run.folder], { timeoutMs: 60_000 })
  t.equal(again.code, 6)
  t.same(run.report().digest, report.digest, 'judged again it is the same')
  t.match(linesOf(run, 'events.ndjson').at(-1), { kind: 'phase_ended', phase: 'verify' })
  t.match(consoleOf(run, 'vm1'), /nslab-init/, 'from its first byte')
  nothingIsLeft(t, run)
  t.same(await untilEmpty(() => processesOf(run), 20_000), [])
}

function nothingIsLeft(t: Test, run: NslabProcess): void {
  t.same(vmsLeft(run), [])
  const left = readdirSync(run.folder).filter(name => /\.sock$|\.disk$|^live\.json$|^db$/.test(name))
  t.same(left, [])
}

const consoleOf = (run: NslabProcess, vm: string): string => readFileSync(join(run.folder, `console/${vm}.log`), 'utf8')

t.test('a guest that panics', async t => {
  const run = startVmRun(t, 'ring', HELD)
  await run.inPhase('hold')
  const { code } = await inGuest(run, 'echo c > /proc/sysrq-trigger')
  t.equal(code, 6, 'whoever was in it is told, too')
  await fails(t, run, /vm1 panicked: sysrq triggered crash/)
  t.match(
    run.report().error?.message,
    /said last:\n {2}\S.*Kernel panic - not syncing: sysrq triggered crash\n.*Comm: /,
  )
  t.match(run.report().error?.hint, /console folder/)
  t.match(consoleOf(run, 'vm1'), /Call Trace.*Kernel Offset/s)
})

t.test('a guest that runs out of memory', async t => {
  const run = startVmRun(t, 'ring', HELD)
  await run.inPhase('hold')
  await inGuest(run, 'tail /dev/zero')
  await fails(t, run, /vm1 ran out of memory: .*panic_on_oom/)
  t.match(run.report().error?.hint, /hosts\.memory_mib/)
})

t.test('a guest whose agent is stopped says nothing any more', async t => {
  const run = startVmRun(t, 'ring', HELD)
  await run.inPhase('hold')
  // All programs of it run on; only its agent, the first of them, does not.
  void inGuest(run, 'kill -STOP $(pidof node | tr " " "\\n" | sort -n | head -1)').catch(() => {})
  await fails(t, run, /vm1 said nothing for \d+ s; its processors .*; its kernel's stack is on the console/)
  t.match(consoleOf(run, 'vm1'), /Kernel panic - not syncing: NMI/)
})

t.test('a disk in the guest that is full: what its database could not write is told, and why', async t => {
  const run = startVmRun(t, 'ring', ['--nodes', '3', '--set', 'run.hold=90s'])
  await run.inPhase('hold')
  // The server has log files in reserve; once they are used up it can't go on, nor come back.
  const line = `cat /dev/zero > /run/full
    for i in $(seq 30); do echo 'select pg_switch_wal(); select txid_current();'; done |
      psql -h /run/nslab/run/db -U pgusr nextmini
    cat /dev/zero > /run/fuller`
  const { stderr } = await inGuest(run, line)
  t.match(stderr, /No space left on device.*server closed the connection/s)
  const ended = await run.ended
  t.equal(ended.code, 0, 'no gate of this scenario is about the database')
  t.match(ended.stdout, /controller: lost its database at .* s \(.*\) and did not get it back/)
  t.match(ended.stdout, /rows could not be written .*because the server refused connections: .*No space left/)
  t.match(run.report().metrics, { residue_count: 0, errors_count: 1, database_losses_count: 1 })
  nothingIsLeft(t, run)
})
