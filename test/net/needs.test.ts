// Runs within just the limits that their plans count with: a descriptor or a namespace more than planned would end
// them. In a user namespace, which has a limit of its own on network namespaces.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run } from '../../src/base/exec.ts'
import type { Plan } from '../../src/lab/plan-types.ts'
import { launcher } from '../fixtures/launch.ts'
import { cliPath } from '../fixtures/nslab-process.ts'

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

for (const [kind, args] of Object.entries(kinds))
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
