// vms, shell, stop and exec --vm as a user calls them, of a run whose one guest is this machine.

import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { NslabError } from '../../src/base/errors.ts'
import { registerLiveRun } from '../../src/lab/state/live-runs.ts'
import type { Lab } from '../../src/lab/visit/lab.ts'
import { labHere, RUN_ID } from '../fixtures/lab-here.ts'
import { type Ended, ended } from '../fixtures/launch.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

interface Here {
  readonly stopped: [string | null, boolean][]
  nslab(args: readonly string[], input?: string): Promise<Ended>
  /** Not yet at its end. */
  start(args: readonly string[], input?: string): ChildProcess
  /** Another run beside it, with what it has in place of a VM. */
  beside(run_id: string, lab_socket?: string): void
}

/** A run with vm1 in a registry of the test's own. */
async function here(t: Test, isKept = false): Promise<Here> {
  const stopped: [string | null, boolean][] = []
  const changes: Partial<Lab> = {
    whereIs: async node_id => {
      throw new NslabError('USAGE', { problem: `the run has no node ${node_id}`, node_id })
    },
    stop: async (vm, atOnce) => {
      stopped.push([vm, atOnce])
      return ['vm1 took its time']
    },
  }
  const { run } = await labHere(t, changes)
  const state = join(run.folder, 'state')
  const { folder, scenario, sockets, temporary } = run
  const register = (facts: { run_id: string; lab_socket?: string; started_at: string }) =>
    registerLiveRun({ folder, scenario, sockets, temporary, ...facts }, state)
  const registration = register({ run_id: RUN_ID, lab_socket: run.lab_socket as string, started_at: '1' })
  if (isKept) registration.keep()
  const start = (args: readonly string[], input = ''): ChildProcess => {
    const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], {
      env: { ...process.env, NSLAB_STATE_DIR: state },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    t.teardown(() => child.kill('SIGKILL'))
    return child
  }
  return {
    stopped,
    start,
    beside: (run_id, lab_socket) => void register({ run_id, started_at: '2', ...(lab_socket ? { lab_socket } : {}) }),
    nslab: (args, input) => ended(start(args, input)),
  }
}

t.test('vms are listed, for people and for programs', async t => {
  const { nslab, beside } = await here(t)
  const listed = await nslab(['vms'])
  t.equal(listed.code, 0)
  t.match(listed.out, /^VM +RUN +HOST .* STATE\nvm1 .* host1 +1-3 .* 512 MiB +booted \(tcg\) +6\.1\.0 .* running$/)
  const { vms } = JSON.parse((await nslab(['vms', '--json'])).out)
  t.match(vms, [{ run_id: RUN_ID, name: 'vm1', memory_mib: 512, node_ids: [1, 3], kept: false }])
  beside('b'.repeat(32), '/nowhere/lab.sock')
  const both = await nslab(['vms'])
  t.match(both, { code: 0, err: /being started or ended/ })
  t.match(both.out, /vm1/)
  t.match(await nslab(['vms', '--run', 'none']), { code: 2 })
})

t.test('without a terminal a shell runs a script', async t => {
  const { nslab } = await here(t)
  t.match(await nslab(['shell'], 'echo to $1 me; echo aside >&2; exit 9'), { code: 9, out: 'to me', err: 'aside' })
  t.match(await nslab(['shell', 'vm1', '--run', RUN_ID.slice(0, 6)], ''), { code: 0, out: '' })
  const unknown = await nslab(['shell', 'vm9'], '')
  t.match(unknown, { code: 2, err: /no VM is named vm9; alive: vm1 of / })
})

t.test('exec runs in a VM, or in a node of one', async t => {
  const { nslab } = await here(t)
  const command = ['--', 'sh', '-c', 'cat; echo $NSLAB_RUN; exit 3']
  t.match(await nslab(['exec', '--vm', 'vm1', ...command], 'words '), { code: 3, out: `words ${RUN_ID}` })
  t.match(await nslab(['exec', '7', '--', 'true']), { code: 2, err: /no node 7/ })
  for (const wrong of [
    ['exec', '--vm', 'vm1'],
    ['exec', 'x', '--', 'true'],
    ['exec', '1'],
  ])
    t.match(await nslab(wrong), { code: 2, out: '' }, wrong.join(' '))
})

t.test('a signal to exec is for the command; who sends several wants out', async t => {
  const { start } = await here(t)
  const loop = 'echo ready; while :; do sleep 0.05; done'
  const heard = start(['exec', '--vm', 'vm1', '--', 'sh', '-c', `trap "exit 33" TERM; ${loop}`])
  heard.stdout?.once('data', () => heard.kill('SIGTERM'))
  t.match(await ended(heard), { code: 33, out: 'ready' })

  const deaf = start(['exec', '--vm', 'vm1', '--', 'sh', '-c', `trap "" TERM; ${loop}`])
  let timer: NodeJS.Timeout | undefined
  deaf.stdout?.once('data', () => {
    timer = setInterval(() => deaf.kill('SIGTERM'), 50)
  })
  t.match(await ended(deaf), { code: 6 })
  clearInterval(timer)
})

t.test('stop ends what was kept, and nothing else unless it is forced', async t => {
  const going = await here(t)
  t.match(await going.nslab(['stop']), { code: 2, err: /still goes on/ })
  t.match(await going.nslab(['stop', 'vm1']), { code: 2, err: /vm1 is of .* still goes on/ })
  t.match(await going.nslab(['stop', RUN_ID]), { code: 2, err: /still goes on/ })
  t.match(await going.nslab(['stop', 'vm9']), { code: 2, err: /no VM is named vm9/ })
  t.same(going.stopped, [])
})

t.test('one VM of those that were kept', async t => {
  const kept = await here(t, true)
  t.match(await kept.nslab(['stop', 'vm1']), { code: 0, out: /^vm1 took its time\nvm1 of .* ended$/ })
  t.match(await kept.nslab(['stop', 'vm1', '--force', '--run', RUN_ID]), { code: 0 })
  t.same(kept.stopped, [
    ['vm1', false],
    ['vm1', true],
  ])
  t.match(await kept.nslab(['reap']), { out: /has kept its VMs/ })
})

t.test('a name that several runs have needs the run', async t => {
  const { nslab, beside } = await here(t)
  const { run } = await labHere(t)
  beside('c'.repeat(32), run.lab_socket as string)
  t.match(await nslab(['shell', 'vm1'], ''), { code: 2, err: /2 VMs are meant: vm1 of .*, vm1 of .*--run/s })
  t.match(await nslab(['shell'], ''), { code: 2, err: /Name one/ })
  t.match(await nslab(['shell', 'vm1', '--run', 'cccc'], 'exit 4'), { code: 4 })
})
