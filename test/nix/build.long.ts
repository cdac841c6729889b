// The flake builds nslab and runs it.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../../src/base/exec.ts'
import type { Report } from '../../src/judge/types.ts'
import { probeKvm } from '../../src/vm/kvm-probe.ts'
import { root } from '../fixtures/nix.ts'
import { nix, outPath } from '../fixtures/nix-build.ts'

t.test('the package: compiled, the addon built, and only what it needs at run time', async t => {
  t.testdir()
  const built = await nix(t, ['build', '#nslab', '--json', '--no-link'])
  t.equal(built.code, 0)
  const out = outPath(built)
  const listed = await run(join(out, 'bin/nslab'), ['list'])
  t.match(listed.stdout, /^ring +100 /m)
  const parts = join(out, 'lib/nslab')
  t.same(readdirSync(join(parts, 'native/build/Release')).sort(), releases())
  t.notOk(readdirSync(join(parts, 'node_modules')).includes('typescript'))
  const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version
  t.match((await run(join(out, 'bin/nslab'), ['--version'])).stdout, version)
})

/** The programs that the set-up without Nix builds. */
const releases = (): string[] =>
  readdirSync(join(root, 'native/build/Release'), { withFileTypes: true })
    .filter(entry => entry.isFile() && /^nslab(-[a-z]+|\.node)$/.test(entry.name))
    .map(entry => entry.name)
    .sort()

t.test('nix run .#ring: the same command, run folder and exit code', async t => {
  t.testdir()
  const ran = await nix(
    t,
    ['run', '#ring'],
    ['--', '--on', 'host', '--nodes', '20', '--out', join(t.testdirName, 'run')],
  )
  t.equal(ran.code, 0)
  const report = JSON.parse(readFileSync(join(t.testdirName, 'run/report.json'), 'utf8')) as Report
  t.match(report, { verdict: 'pass', level: 'host', metrics: { nodes_count: 20, residue_count: 0 } })
  const refused = await nix(t, ['run', '#nslab'], ['--', 'run', 'rung'])
  t.equal(refused.code, 2)
  t.match(refused.stderr, 'did you mean "ring"')
})

t.test('an app that is to use KVM says so where it does not work, before anything boots', async t => {
  t.testdir()
  const words = ['--', '--accel', 'kvm', '--on', 'vm', '--out', join(t.testdirName, 'run')]
  const { code, stderr, stdout } = await nix(t, ['run', '#multihost'], words)
  const probe = await probeKvm()
  t.equal(code, probe.works ? 0 : 3)
  if (!probe.works) t.match(`${stderr}${stdout}`, /KVM does not work here[\s\S]*Or take emulation: --accel tcg/)
})

t.test('nix run .#remote knows what is copied, and asks for a machine', async t => {
  t.testdir()
  const { code, stderr } = await nix(t, ['run', '#remote'])
  t.equal(code, 2)
  t.match(stderr, 'which machine?')
  const wrong = await nix(t, ['run', '#remote'], ['--', 'nobody', 'ring', '--set', 'run.hold=never'])
  t.equal(wrong.code, 2)
  t.match(wrong.stderr, 'run.hold', 'before anybody is asked')
})

t.test('nix develop has what building from a clone needs', async t => {
  t.testdir()
  const { code, stdout } = await nix(t, ['develop', ''], ['-c', 'sh', '-c', 'node --version && npm --version'])
  t.equal(code, 0)
  t.match(stdout, process.version)
})
