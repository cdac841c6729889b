// doctor, reap and exec as a user calls them: what they print where, and their exit codes.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { type Ended, ended } from '../fixtures/launch.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** Runs `nslab` with a state folder of the test's own. */
function nslab(t: Test, ...args: string[]): Promise<Ended> {
  const env = { ...process.env, NSLAB_STATE_DIR: join(t.testdirName, 'state') }
  return ended(spawn(process.execPath, ['--import', 'tsx', main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] }))
}

t.test('doctor says as JSON how many nodes fit, and its exit code whether that is enough', async t => {
  const fit = await nslab(t, 'doctor', '--json', '--nodes', '1')
  const diagnosis = JSON.parse(fit.out)
  t.match(diagnosis, { schema: 'nslab.doctor/1', nodes_count: 1, limits: Array })
  t.equal(fit.code, diagnosis.fit ? 0 : 3)
  const { vms } = JSON.parse(fit.out) as { vms: { qemu: string | null; kvm: boolean | null; words: string[] } }
  t.match(vms, vms.qemu === null ? { kvm: null, words: [/apt-get install/] } : { kvm: Boolean, words: [/^KVM /] })
  const unfit = await nslab(t, 'doctor', '--nodes', '100000000')
  t.equal(unfit.code, 3)
  t.match(unfit.out, 'not fit for 100000000 nodes')
})

t.test('doctor refuses what is no count', async t => {
  const { code, out } = await nslab(t, 'doctor', '--nodes', 'many')
  t.same([code, out], [2, ''])
})

t.test('reap with nothing to do says so and makes nothing', async t => {
  const { code, out } = await nslab(t, 'reap')
  t.same([code, out], [0, 'nothing to restore'])
  t.notOk(existsSync(join(t.testdirName, 'state')))
})

t.test('exec without a live run, or with a name for a node, is a wrong use', async t => {
  for (const args of [
    ['exec', '1', '--', 'true'],
    ['exec', 'n1', '--', 'true'],
    ['exec', '1'],
  ]) {
    const { code, out } = await nslab(t, ...args)
    t.same([code, out], [2, ''], args.join(' '))
  }
})
