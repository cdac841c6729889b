// nix flake check without KVM: every check that needs none is built, sandboxed; those in microVMs boot in
// sandboxed.long.ts.

import t from 'tap'
import { nix } from '../fixtures/nix-build.ts'

for (const check of ['lock', 'types', 'format', 'plans', 'unit', 'native'])
  t.test(`the check ${check}`, async t => {
    t.testdir()
    t.equal((await nix(t, ['build', `#checks.x86_64-linux.${check}`, '--no-link'])).code, 0)
  })

t.test('a check in microVMs is not built where Nix has no KVM, and nobody falls back to emulation', async t => {
  t.testdir()
  const { code, stderr } = await nix(t, [
    'build',
    '#checks.x86_64-linux.ring-smoke',
    '--no-link',
    '--option',
    'system-features',
    'benchmark',
  ])
  t.not(code, 0)
  t.match(stderr, /features \{kvm\} is required to build .*nslab-ring-smoke-run/)
})
