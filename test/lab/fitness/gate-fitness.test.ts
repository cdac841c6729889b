// What the flake's checks need of a machine, and what is said where it lacks.

import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { gateProblems, type NixFacts, nixFactsOf, readNixFacts } from '../../../src/lab/fitness/gate-fitness.ts'

const KVM = { qemu: '9.0', kvm: true, words: ['KVM works: as it should.'] }
const NO_KVM = { qemu: '9.0', kvm: false, words: ['KVM does not work: /dev/kvm is missing. Load kvm-intel.'] }
const NIX: NixFacts = { features: ['big-parallel', 'kvm'], hasBuilders: false }

t.test('a machine with KVM whose Nix builds with it is fit', async t => {
  t.same(gateProblems(NIX, KVM), [])
})

t.test('each lack is a sentence that says what to do', async t => {
  t.match(gateProblems({ ...NIX, features: ['big-parallel'] }, KVM), [/extra-system-features = kvm.*big-parallel/])
  t.match(gateProblems(NIX, NO_KVM), [/\/dev\/kvm is missing.*does not emulate by itself.*\.#emulated\.ring-smoke/])
  t.equal(gateProblems({ ...NIX, features: [] }, NO_KVM).length, 2)
  t.match(gateProblems(null, KVM), [/nixos\.org/])
})

t.test('where other machines build, this one needs nothing', async t => {
  t.same(gateProblems({ features: [], hasBuilders: true }, NO_KVM), [])
})

t.test('what nix.conf comes to', async t => {
  const config = 'builders = @/etc/nix/machines\nsubstitute = true\nsystem-features = benchmark big-parallel kvm\n'
  const facts = nixFactsOf(config, () => false)
  t.same(facts, { features: ['benchmark', 'big-parallel', 'kvm'], hasBuilders: false })
  t.equal(nixFactsOf(config, path => path === '/etc/nix/machines').hasBuilders, true)
  t.equal(nixFactsOf('builders = ssh://one x86_64-linux\n', () => false).hasBuilders, true)
  t.same(
    nixFactsOf('builders = \nsystem-features = \n', () => true),
    { features: [], hasBuilders: false },
  )
})

t.test('the Nix of this machine is asked, an older one by the name it knows', async t => {
  t.ok(await readNixFacts())
  const folder = t.testdir()
  t.equal(await readNixFacts({ PATH: folder }), null, 'none')
  const nix = join(folder, 'nix')
  writeFileSync(nix, '#!/bin/sh\ncase "$*" in *show-config) echo "system-features = kvm" ;; *) exit 1 ;; esac\n')
  chmodSync(nix, 0o755)
  t.same(await readNixFacts({ PATH: folder }), { features: ['kvm'], hasBuilders: false })
})
