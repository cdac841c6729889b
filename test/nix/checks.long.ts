// nix flake check without KVM: every check that needs none is built, sandboxed; those in microVMs boot in
// sandboxed.long.ts.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { buildableFlake, nix, runNix } from '../fixtures/nix-build.ts'

for (const check of ['lock', 'types', 'format', 'plans', 'unit', 'native'])
  t.test(`the check ${check}`, async t => {
    t.testdir()
    t.equal((await nix(t, ['build', `#checks.x86_64-linux.${check}`, '--no-link'])).code, 0)
  })

t.test('a check in microVMs is not built where Nix has no KVM, and nobody falls back to emulation', async t => {
  const folder = t.testdir()
  const nslab = buildableFlake(join(folder, 'nslab'))
  // Its image would be built before it, and the stand-in for nixpkgs has no kernel.
  const flake = `{
    inputs.nslab.url = "path:${nslab}";
    inputs.nslab.inputs.nixpkgs.url = "path:${nslab}/nix/ci/stub";
    outputs = { nslab, ... }: {
      packages.x86_64-linux.smoke = nslab.checks.x86_64-linux.ring-smoke.override { image = null; };
    };
  }`
  mkdirSync(join(folder, 'user'))
  writeFileSync(join(folder, 'user/flake.nix'), flake)
  const words = ['build', `path:${folder}/user#smoke`, '--no-link', '--option', 'system-features', 'benchmark']
  const { code, stderr } = await runNix(t, words)
  t.not(code, 0)
  t.match(stderr, /features \{kvm\} is required to build .*nslab-ring-smoke-run/)
})
