// The flake, as far as it can be held to its word without nixpkgs: every file parses, every output evaluates with a
// stand-in for nixpkgs, and faults put in on purpose are found.

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'smol-toml'
import t from 'tap'
import { run } from '../../src/base/exec.ts'
import { Random } from '../../src/base/random.ts'
import { scenarioNames } from '../../src/config/load.ts'
import { copyFlake, evaluate, hasStore, lockProblem, nixFiles, parseProblem, root } from '../fixtures/nix.ts'
import { mutate } from '../fixtures/nix-mutations.ts'

interface Outputs {
  readonly apps: Readonly<Record<string, { readonly type: string; readonly program: string }>>
  readonly services: Readonly<Record<string, unknown>>
  readonly nothing: readonly string[]
  readonly sweeps: Readonly<Record<string, { readonly runs: readonly string[] }>>
}

t.test('every file parses', async t => {
  for (const file of nixFiles(root)) t.equal(await parseProblem(join(root, file)), null, file)
})

t.test('flake.nix and flake.lock agree', { skip: hasStore ? false : 'needs root: a store' }, async t => {
  t.equal(await lockProblem(copyFlake(t.testdir())), null)
})

t.test('every output evaluates, to what it did', async t => {
  // With one scenario: others come and go without a word in Nix.
  const flake = copyFlake(t.testdir())
  for (const name of scenarioNames()) if (name !== 'ring') rmSync(join(flake, `soak/scenarios/${name}.toml`))
  const { problem, text } = await evaluate(flake)
  t.equal(problem, null)
  t.matchSnapshot(text)
})

t.test('one app a scenario, and nothing on a machine that enables nothing', async t => {
  const { apps, nothing } = JSON.parse((await evaluate(root)).text) as Outputs
  t.same(Object.keys(apps).sort(), [...scenarioNames(), 'default', 'nslab'].sort(), 'one app a scenario')
  t.same(nothing, [], 'a machine that enables nothing gets nothing')
})

t.test('a scenario more is an app more, without a word in Nix', async t => {
  const flake = copyFlake(t.testdir())
  writeFileSync(join(flake, 'soak/scenarios/another.toml'), 'name = "another"\n')
  const { text } = await evaluate(flake)
  t.match((JSON.parse(text) as Outputs).apps.another, { type: 'app', program: /-nslab-run-another$/ })
})

t.test('a sweep is a run for every size and seed of its file', async t => {
  const { sweeps } = JSON.parse((await evaluate(root)).text) as Outputs
  const text = readFileSync(join(root, 'soak/sweeps/ring-scale.toml'), 'utf8')
  const { nodes, seeds } = parse(text) as unknown as { nodes: number[]; seeds: number[] }
  const cells = nodes.flatMap(count => seeds.map(seed => `${count}-${seed}`))
  t.same([...(sweeps['ring-scale']?.runs ?? [])].sort(), cells.sort())
})

t.test('packages of the lock file, as npm would place them', async t => {
  const lock = join(root, 'package-lock.json')
  const expression = `import ${join(root, 'nix/lock-packages.nix')} { lib = import ${join(root, 'nix/ci/stub/lib.nix')}; }
    { lock = builtins.fromJSON (builtins.readFile ${lock}); os = "linux"; cpu = "x64"; }`
  const args = ['--readonly-mode', '--store', 'dummy://', '--eval', '--strict', '--json', '--expr', expression]
  const { stdout, stderr } = await run('nix-instantiate', args)
  const packages = JSON.parse(stdout || `"${stderr}"`) as {
    path: string
    name: string
    version: string
    hash: string
  }[]
  interface Entry {
    readonly version: string
    readonly integrity: string
    readonly inBundle?: boolean
    readonly os?: readonly string[]
    readonly cpu?: readonly string[]
    readonly libc?: readonly string[]
  }
  const entries = Object.entries(
    (JSON.parse(readFileSync(lock, 'utf8')) as { packages: Record<string, Entry> }).packages,
  )
  const expected = entries
    .filter(([path, entry]) => path !== '' && entry.inBundle !== true)
    .filter(
      ([, { os, cpu, libc }]) =>
        (os ?? ['linux']).includes('linux') &&
        (cpu ?? ['x64']).includes('x64') &&
        (libc ?? ['glibc']).includes('glibc'),
    )
    .map(([path, { version, integrity }]) => [path, version, integrity])
  t.same(packages.map(({ path, version, hash }) => [path, version, hash]).sort(), expected.sort())
  t.ok(packages.some(({ path, name }) => path === 'node_modules/@biomejs/biome' && name === '@biomejs/biome'))
})

t.test('a lock file without integrity is refused by name', async t => {
  const flake = copyFlake(t.testdir())
  const lock = join(flake, 'package-lock.json')
  writeFileSync(lock, readFileSync(lock, 'utf8').replace(/"integrity": "sha512-[^"]+",\n/, ''))
  t.match((await evaluate(flake)).problem, /node_modules\/\S+ has no sha512 integrity/)
})

t.test('an option that NixOS does not have is refused by name', async t => {
  const flake = copyFlake(t.testdir())
  const module = join(flake, 'nix/module.nix')
  writeFileSync(module, readFileSync(module, 'utf8').replace('wantedBy', 'wantedFrom'))
  t.match((await evaluate(flake)).problem, /NixOS has no option systemd\.services\.nslab-\w+\.wantedFrom/)
})

t.test('what the services are told, the programs understand', async t => {
  const { services } = JSON.parse((await evaluate(root)).text) as {
    services: { services: { nslab: Record<string, { settings: Record<string, unknown> }> } }
  }
  const { settings } = services.services.nslab.controller as { settings: Record<string, unknown> }
  const { parseControllerConfig } = await import('../../src/config/controller.ts')
  t.match(parseControllerConfig(stringify(settings), 'controller.toml').db, {
    mode: 'external',
    host: '/run/postgresql',
    database: 'nslab',
  })
})

t.test('of 60 faults put in on purpose, four fifths are found', async t => {
  t.testdir()
  const random = new Random(1)
  const whole = await evaluate(copyFlake(join(t.testdirName, 'whole')))
  t.equal(whole.text, (await evaluate(root)).text, 'a copy without a fault is as the tree is')
  const missed: string[] = []
  const draws = 60
  for (let draw = 1; draw <= draws; draw++) {
    const flake = copyFlake(join(t.testdirName, String(draw)))
    const { kind, words } = mutate(flake, random)
    const parsed = await Promise.all(nixFiles(flake).map(file => parseProblem(join(flake, file))))
    // Only what changed flake.nix can disagree with its lock.
    const locked = hasStore && words.startsWith('flake.nix') ? await lockProblem(flake) : null
    const found = parsed.some(Boolean) || locked !== null || (await evaluate(flake)).text !== whole.text
    t.comment(`${draw} ${found ? 'found ' : 'missed'} ${kind}: ${words}`)
    if (!found) missed.push(`${kind}: ${words}`)
  }
  t.ok(missed.length <= draws / 5, `found ${draws - missed.length} of ${draws}; missed: ${missed.join('; ')}`)
})
