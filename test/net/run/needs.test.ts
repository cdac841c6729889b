// Runs within just the limits that their plans count with: a descriptor or a namespace more than planned would end
// them. In a user namespace, which has a limit of its own on network namespaces.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run } from '../../../src/base/exec.ts'
import { listRuns } from '../../../src/lab/state/live-runs.ts'
import { isMachineRoot } from '../../../src/lab/state/state-folder.ts'
import type { Plan } from '../../../src/plan.ts'
import { startChild } from '../../fixtures/lab/child.ts'
import { launcher } from '../../fixtures/launch.ts'
import { cliPath, NslabProcess } from '../../fixtures/nslab-process.ts'

/** More nodes than a program has descriptors to spare: one a node that was not counted is missed. */
const NODES = ['--nodes', '100', '--set', 'run.hold=1s']
const TUNS = ['dataplane.enable_local_interface=true', 'controller.routing={ protocol = "shortest_path" }']

const kinds: Readonly<Record<string, readonly string[]>> = {
  'links over TCP': ['ring', ...NODES],
  'TUN interfaces': ['ring', ...NODES, ...TUNS.flatMap(each => ['--set', each])],
  'two hosts, and links over UDP': ['multihost', ...NODES, '--hosts', '2', '--set', 'controller.protocol=udp'],
  'flows in max mode': ['ring-flows', '--nodes', '30', '--set', 'dataplane.operating_mode=max'],
}

/** Writes the limit, then is the rest of its arguments. */
const WITHIN = 'echo "$1" > /proc/sys/user/max_net_namespaces && shift && exec "$@"'

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-needs-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'run')
}

/** Runs it with these limits. */
async function within(t: Test, args: readonly string[], descriptors: number, namespaces: number) {
  const command = [process.execPath, cliPath, 'run', ...args, '--on', 'host', '--out', folderOf(t)]
  const limited = ['prlimit', `--nofile=${descriptors}:${descriptors}`, ...command]
  // The launcher has made one itself.
  const shell = ['sh', '-c', WITHIN, 'sh', String(namespaces + 1), ...limited]
  return run(launcher, ['--user', '--net', '--', ...shell])
}

async function needsOf(args: readonly string[]): Promise<Plan['needs']> {
  const { stdout } = await run(process.execPath, [cliPath, 'plan', ...args])
  return (JSON.parse(stdout) as Plan).needs
}

/** From each half-way round; and each receiver says what it has. */
const LOSSLESS = `
name = "needs"
[controller]
topology = { type = "ring", ring_config = { n_nodes = 30 } }
routing = { protocol = "shortest_path" }
[dataplane]
operating_mode = "max"
[[flow]]
from = "all"
to = "+14"
transport = "lossless"
payload = "30 kB"
rate = "1mbit"
[run]
hold = "3s"
[[gate]]
metric = "lossless_undelivered_count"
require = "== 0"
[[gate]]
metric = "warnings_count"
require = "== 0"`
const losslessFile = join(t.testdir({ 'lossless.toml': LOSSLESS }), 'lossless.toml')

for (const [kind, args] of Object.entries({ ...kinds, 'lossless flows in max mode': [losslessFile] }))
  t.test(`${kind}: what is planned is enough`, async t => {
    const { descriptors_count, namespaces_count } = await needsOf(args)
    const { code, stdout, stderr } = await within(t, args, descriptors_count, namespaces_count)
    t.equal(code, 0, stderr)
    t.match(stdout, 'PASS')
  })

t.test('less is refused before anything is made', async t => {
  const args = ['ring', ...NODES]
  const { descriptors_count, namespaces_count } = await needsOf(args)
  const { code, stderr } = await within(t, args, descriptors_count - 1, namespaces_count - 2)
  t.equal(code, 3, stderr)
  t.match(stderr, /open files: .*\nnet namespaces: /)
})

/** Without root each run has a user namespace of its own, and with it a count. */
const needsRoot = { skip: !isMachineRoot() && 'only runs of root share a count of namespaces' }

t.test('namespaces that another live run may have are not promised twice', needsRoot, async t => {
  const folder = folderOf(t)
  const NSLAB_STATE_DIR = join(folder, '..', 'state')
  const other = join(folder, '..', 'other')
  mkdirSync(other)
  const args = ['ring', '--nodes', '3', '--on', 'host']
  const live = new NslabProcess(['run', ...args, '--set', 'run.hold=60s', '--out', folder], {
    folder,
    env: { NSLAB_STATE_DIR },
  })
  await live.inPhase('hold')
  const { namespaces_count } = await needsOf(args)
  t.match(listRuns(NSLAB_STATE_DIR).live, [{ namespaces_count }], 'a run tells its own')
  live.kill('SIGINT')
  await live.ended
  const greedy = startChild(t, 'live-run', ['a'.repeat(32), other, NSLAB_STATE_DIR], {
    env: { CLAIMS: JSON.stringify({ namespaces_count: 2 ** 40 }) },
  })
  await greedy.next()
  const { code, stderr } = await run(process.execPath, [cliPath, 'run', ...args, '--out', `${folder}2`], {
    env: { ...process.env, NSLAB_STATE_DIR },
  })
  t.equal(code, 3, stderr)
  t.match(stderr, /net namespaces: 0 of [\d,]+: other live runs may take 1,099,511,627,776/)
  t.match(stderr, /wait for the other runs, or sysctl/)
  await greedy.kill()
})
