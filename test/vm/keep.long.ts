// People in the VMs of a run: while it goes on, and when it has left them running; and that nothing of them is left
// once they were stopped, ended by themselves, or lost the process that kept them.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readProcess } from '../../src/lab/proc/process-table.ts'
import type { LiveVm } from '../../src/protocol/lab.ts'
import { type Ended, ended } from '../fixtures/launch.ts'
import { cliPath, commandLine, type NslabProcess, processesOf, untilEmpty } from '../fixtures/nslab-process.ts'
import { Terminal } from '../fixtures/terminal.ts'
import { linesOf, startVmRun } from '../fixtures/vm-run.ts'

// The runs of this file see no others, and the other way round.
const state = mkdtempSync(join(tmpdir(), 'nslab-state-'))
process.env.NSLAB_STATE_DIR = state
t.teardown(() => rmSync(state, { recursive: true, force: true }))

const END_MS = 60_000

/** Runs nslab to its end, with something on its standard input. */
function nslab(args: readonly string[], input = ''): Promise<Ended> {
  const child = spawn(process.execPath, [cliPath, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return ended(child)
}

const vms = async (): Promise<(LiveVm & { folder: string })[]> => JSON.parse((await nslab(['vms', '--json'])).out).vms

/** The process that does a run and keeps its VMs. */
function keeperOf(vm: LiveVm | undefined): number {
  const parent = readProcess(vm?.pid ?? 0)?.parent_pid ?? 0
  if (!commandLine(parent).includes('keep-run')) throw new Error(`process ${parent} is no keeper`)
  return parent
}

/** Of a run that keeps its VM, once it has. It is ended with the test, if it still lives. */
async function keptRun(t: Test, hold: string): Promise<{ run: NslabProcess; vm: LiveVm; keeper: number }> {
  const run = startVmRun(t, 'ring', ['--nodes', '3', '--keep', '--set', `run.hold=${hold}`])
  t.teardown(() => nslab(['stop', '--force']))
  const { code, stdout, stderr } = await run.ended
  t.equal(code, 0, stdout + stderr)
  const [vm] = await vms()
  if (vm === undefined) throw new Error(`no VM was kept:\n${stdout}${stderr}`)
  return { run, vm, keeper: keeperOf(vm) }
}

/** Resolves when nothing of a run is left: no process, no socket, no entry of the registry. */
async function nothingLeft(t: Test, run: NslabProcess, keeper: number): Promise<void> {
  const processes = (): unknown[] => [...processesOf(run), ...[keeper, ...vmPids(run)].flatMap(alive)]
  t.same(await untilEmpty(processes, END_MS), [])
  t.same(
    readdirSync(run.folder).filter(name => name.endsWith('.sock') || name === 'live.json'),
    [],
  )
  t.same(readdirSync(join(state, 'runs')), [])
}

const vmPids = (run: NslabProcess): number[] =>
  linesOf(run, 'ledger.ndjson').flatMap(({ op, state, pid }) =>
    op === 'vm_start' && state === 'done' ? [Number(pid)] : [],
  )

const alive = (pid: number): number[] => ((readProcess(pid)?.state ?? 'Z') === 'Z' ? [] : [pid])

t.test('VMs are entered during the run, and stay after it until they are stopped', async t => {
  const run = startVmRun(t, 'ring', ['--nodes', '3', '--keep', '--set', 'run.hold=60s'])
  t.teardown(() => nslab(['stop', '--force']))
  await run.inPhase('hold')
  const [vm, ...others] = await vms()
  t.same(others, [])
  t.match(vm, { name: 'vm1', host: 'host1', accelerator: 'tcg', node_ids: [1, 3], kept: false, folder: run.folder })
  t.match((await nslab(['vms'])).out, new RegExp(`vm1 .* 1-3 +${vm?.pid} .* running$`, 'm'))
  const keeper = keeperOf(vm)

  // While it goes on: nodes, the guest itself, and what ends with the fleets.
  const stays = nslab(['exec', '1', '--', 'sh', '-c', 'trap "" TERM HUP; sleep 600'])
  const line = 'cat; grep -c 172.16.8.3 /proc/net/fib_trie; ls /sys/class/net; exit 7'
  const inNode = await nslab(['exec', '2', '--', 'sh', '-c', line], 'words\n')
  t.equal(inNode.code, 7, inNode.err)
  t.match(inNode.out, /^words\n[1-9]\d*\n/)
  t.match(await nslab(['exec', '9', '--', 'true']), { code: 2, err: /no node 9; its nodes are 1-3/ })
  t.match(await nslab(['exec', '2', '--', '/no/such/program']), { code: 127, err: /ENOENT/ })
  t.match(await nslab(['exec', '--vm', 'vm1', '--', 'hostname']), { code: 0, out: 'vm1' })
  t.match(await nslab(['stop']), { code: 2, err: /still goes on/ })

  // The run is over, its report told, and nothing of it holds its output.
  const over = await run.ended
  t.equal(over.code, 0, over.stdout + over.stderr)
  t.match(over.stderr, /kept running: vm1.*nslab shell vm1.*nslab stop/s)
  const report = run.report()
  t.equal(report.metrics.residue_count, 0)
  t.match(
    report.notes.find(note => note.startsWith('kept running')),
    new RegExp(`no residue: vm1 \\(process ${vm?.pid}\\)`),
  )
  t.match(await stays, { code: 6, err: /vm1/ }, 'a command in a node ends with it, and is told')
  t.match(await vms(), [{ name: 'vm1', pid: vm?.pid, node_ids: null, kept: true }])

  await t.test('a shell has the terminal, its size, Ctrl-C and its exit code', async t => {
    const terminal = new Terminal(t, [process.execPath, cliPath, 'shell'])
    await terminal.shows(/vm1:\/#/)
    terminal.type('echo of $(stty size)\r')
    await terminal.shows(/of 33 101/)
    terminal.type('sleep 600\r')
    await terminal.shows(/sleep 600/)
    const running = async (): Promise<number> =>
      (await nslab(['exec', '--vm', 'vm1', '--', 'pidof', 'sleep'])).code ?? 1
    while ((await running()) !== 0) await new Promise(resolve => setTimeout(resolve, 100))
    terminal.type('\x03')
    await terminal.shows(/vm1:\/#/)
    t.not(await running(), 0, 'it was interrupted')

    const second = new Terminal(t, [process.execPath, cliPath, 'shell', 'vm1'])
    t.equal(await second.ended, 6)
    t.match(second.text, /somebody is at its console/)

    terminal.type('exit 42\r')
    t.equal(await terminal.ended, 42)
    t.ok(terminal.isRestored)
  })

  await t.test('Ctrl-] leaves, and what was begun ends', async t => {
    const terminal = new Terminal(t, [process.execPath, cliPath, 'shell', 'vm1', '--run', run.folder])
    await terminal.shows(/vm1:\/#/)
    terminal.type('sleep 601 & trap "" HUP; sleep 602\r')
    await terminal.shows(/602/)
    terminal.type('\x1d')
    t.equal(await terminal.ended, 0)
    t.ok(terminal.isRestored)
    const sleepers = async (): Promise<string> => (await nslab(['exec', '--vm', 'vm1', '--', 'pidof', 'sleep'])).out
    const deadline = performance.now() + END_MS
    while ((await sleepers()) !== '' && performance.now() < deadline) {}
    t.equal(await sleepers(), '')
  })

  t.match(await nslab(['shell'], 'hostname; exit 5\n'), { code: 5, out: 'vm1' }, 'without a terminal: a script')
  t.match(await nslab(['exec', '1', '--', 'true']), { code: 2, err: /fleets have ended/ })
  t.match(await nslab(['shell', 'vm2'], ''), { code: 2, err: /no VM is named vm2; alive: vm1 of/ })
  t.match(await nslab(['reap']), { code: 0, out: /has kept its VMs .*nslab stop/ })
  t.match(await nslab(['doctor', '--nodes', '1']), { out: /VMs were kept by .*nslab stop/ })
  t.match(await vms(), [{ kept: true }], 'reap ends nothing that lives')

  t.match(await nslab(['stop', 'vm1']), { code: 0, out: /^vm1 of .* ended$/, err: '' })
  await nothingLeft(t, run, keeper)
  t.match(await nslab(['vms']), { code: 0, out: 'no VM is alive' })
  t.match(await nslab(['stop']), { code: 0, out: 'no VM was kept' })
  t.match(await nslab(['shell'], ''), { code: 2, err: /no VM is alive/ })
})

t.test('a kept VM that switches itself off takes its keeper with it, and ends who is in it', async t => {
  const { run, keeper } = await keptRun(t, '0s')
  const inside = nslab(['exec', '--vm', 'vm1', '--', 'sleep', '600'])
  await nslab(['exec', '--vm', 'vm1', '--', 'poweroff'])
  t.match(await inside, { code: 6, err: /vm1/ })
  await nothingLeft(t, run, keeper)
})

t.test('a keeper that is killed takes its VMs with it, and reap forgets them', async t => {
  const { run, vm, keeper } = await keptRun(t, '0s')
  process.kill(keeper, 'SIGKILL')
  t.same(await untilEmpty(() => [...alive(keeper), ...alive(vm.pid)], END_MS), [])
  t.same(await vms(), [])
  t.match(await nslab(['stop']), { code: 0, out: 'no VM was kept' })
  t.match(await nslab(['reap']), { code: 0, out: /removed .*lab\.sock/ })
  await nothingLeft(t, run, keeper)
})

t.test('a run that goes on is only ended when it is forced, and then keeps nothing', async t => {
  const run = startVmRun(t, 'ring', ['--nodes', '3', '--keep', '--set', 'run.hold=600s'])
  t.teardown(() => run.kill('SIGKILL'))
  await run.inPhase('hold')
  const [vm] = await vms()
  const keeper = keeperOf(vm)
  t.match(await nslab(['stop', 'vm1']), { code: 2, err: /still goes on/ })
  t.match(await nslab(['stop', run.folder, '--force']), { code: 0, out: /was interrupted/ })
  t.equal((await run.ended).code, 130)
  t.ok(existsSync(join(run.folder, 'report.json')))
  await nothingLeft(t, run, keeper)
})
