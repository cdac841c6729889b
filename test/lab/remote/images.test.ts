// Which guest images a run on another machine takes along.

import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadScenario } from '../../../src/config/load.ts'
import { parseSet } from '../../../src/config/override.ts'
import { imagesToCarry } from '../../../src/lab/remote/images.ts'

const DERIVATIONS = ['fleet', 'controller', 'churn', 'fleet-lts', 'controller-lts', 'fleet-latest', 'controller-latest']

/** Names of what is carried, which a stand-in for Nix makes: /made/NAME. */
async function carried(name: string, set: readonly string[], hasKvm = false): Promise<string[]> {
  const { scenario } = loadScenario(name, set.map(parseSet))
  const options = { hasKvm, onStep: () => {}, signal: new AbortController().signal }
  const images = await imagesToCarry(scenario, options)
  t.same(
    images.map(({ path }) => path),
    images.map(image => `/made/${image.name}`),
  )
  return images.map(image => image.name).sort()
}

t.test('the images of its roles and kernels, and none where it boots no VM or has its own', async t => {
  const folder = t.testdir({
    'nix-store': '#!/bin/sh\n[ "$1" = --realise ] && echo "$2"\n',
    'derivations.json': JSON.stringify(Object.fromEntries(DERIVATIONS.map(name => [name, `/made/${name}`]))),
  })
  chmodSync(join(folder, 'nix-store'), 0o755)
  const before = { ...process.env }
  t.teardown(() => {
    process.env = before
  })
  process.env.PATH = `${folder}:${before.PATH}`
  t.same(await carried('ring', ['hosts.on=vm']), [], 'nslab without Nix knows of none')
  process.env.NSLAB_IMAGE_DERIVATIONS = join(folder, 'derivations.json')
  t.same(await carried('ring', ['hosts.on=vm']), ['controller'])
  t.same(await carried('multihost', ['hosts.on=vm']), ['controller', 'fleet'])
  t.same(await carried('churn', ['hosts.on=vm']), ['churn'])
  t.same(await carried('multihost', ['hosts.on=vm', 'hosts.kernel=latest']), ['controller-latest', 'fleet-latest'])
  t.same(await carried('ring', ['hosts.on=vm', 'hosts.kernel=6.1']), [], 'a kernel that Nix does not know')
  t.same(await carried('ring', ['hosts.on=auto'], true), ['controller'], 'there may be KVM')
  t.same(await carried('ring', ['hosts.on=auto']), [], 'there is none')
  t.same(await carried('ring', ['hosts.on=auto', 'hosts.accel=kvm']), ['controller'])
  t.same(await carried('ring', ['hosts.on=host'], true), [])
  t.same(await carried('ring', ['hosts.on=vm', 'hosts.image=/there/image.json']), [])
  t.same(await carried('ring', ['run.deterministic=true'], true), [])
  writeFileSync(join(folder, 'nix-store'), '#!/bin/sh\necho "builder failed" >&2\nexit 1\n')
  await t.rejects(carried('ring', ['hosts.on=vm']), { code: 'IMAGE_UNFIT', facts: { reason: /builder failed/ } })
})
