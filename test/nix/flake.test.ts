// The flake, as far as it can be held to its word without nixpkgs: every file parses, every output evaluates with a
// stand-in for nixpkgs, and faults put in on purpose are found.

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'smol-toml'
import t from 'tap'
import { run } from '../../src/base/exec.ts'
import { Random } from '../../src/base/random.ts'
import { scenarioNames } from '../../src/config/load.ts'
import { readRole } from '../../src/vm/image/role.ts'
import { copyFlake, evaluate, hasStore, lockProblem, nixFiles, parseProblem, root } from '../fixtures/nix.ts'
import { mutate } from '../fixtures/nix-mutations.ts'

interface Outputs {
  readonly apps: Readonly<Record<string, { readonly type: string; readonly program: string }>>
  readonly services: Readonly<Record<string, unknown>>
  readonly nothing: readonly string[]
  readonly sweeps: Readonly<Record<string, { readonly runs: readonly string[]; readonly first: Built }>>
  readonly checks: Readonly<Record<string, Built>>
  readonly runs: Readonly<Record<string, Built>>
  readonly emulated: Readonly<Record<string, Built>>
  readonly elsewhere: {
    readonly packages: Readonly<Record<string, Built>>
    readonly checks: Readonly<Record<string, Readonly<Record<string, Built>>>>
    readonly apps: Readonly<Record<string, readonly string[]>>
  }
}

/** What a derivation's builder is told. */
interface Built {
  readonly buildPhase: string
  readonly requiredSystemFeatures?: readonly string[]
}

const outputsOf = async (flake: string): Promise<Outputs> => JSON.parse((await evaluate(flake)).text) as Outputs

interface Images {
  readonly packages: Readonly<Record<string, unknown>>
  readonly guest: {
    readonly boot: {
      readonly kernel: { readonly sysctl: Readonly<Record<string, unknown>> }
      readonly kernelModules: readonly string[]
      readonly kernelParams: readonly string[]
    }
    readonly systemd: { readonly services: Readonly<Record<string, { serviceConfig: { ExecStart: string } }>> }
  }
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
  const names = [...scenarioNames(), 'default', 'nslab', 'remote']
  t.same(Object.keys(apps).sort(), names.sort(), 'one app a scenario')
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
  const cells = nodes.flatMap(count => seeds.map(seed => `ring-${count}-${seed}`))
  t.same([...(sweeps['ring-scale']?.runs ?? [])].sort(), cells.sort())
})

t.test('a sweep varies scenario and kernel, too; one that is not there is refused by name', async t => {
  const flake = copyFlake(t.testdir())
  const sweep = join(flake, 'soak/sweeps/two.toml')
  const text = 'scenarios = ["ring", "churn"]\nkernels = ["lts", "latest"]\nnodes = [20]\nseeds = [1]\n'
  writeFileSync(sweep, text)
  const { two } = (await outputsOf(flake)).sweeps
  t.same([...(two?.runs ?? [])].sort(), ['churn-latest-20-1', 'churn-lts-20-1', 'ring-latest-20-1', 'ring-lts-20-1'])
  t.match(two?.first.buildPhase, "'--kernel' 'latest'")
  writeFileSync(sweep, text.replace('churn', 'chrun'))
  t.match(
    (await evaluate(flake)).problem,
    /two\.toml: there is no scenario chrun: write soak\/scenarios\/chrun\.toml, or/,
  )
})

t.test('the checks of the gate: those in microVMs need KVM, and their runs keep the folder', async t => {
  const { checks, runs, emulated } = await outputsOf(root)
  const inVms = ['churn-minute', 'multihost', 'ring-smoke', 'selfcheck']
  const alone = ['format', 'lock', 'native', 'plans', 'types', 'unit']
  for (const name of [...inVms, ...alone]) t.ok(checks[name], name)
  for (const name of inVms) {
    t.same(runs[name]?.requiredSystemFeatures, ['kvm'], `${name} needs KVM`)
    t.match(runs[name]?.buildPhase, "'hosts.on=vm' '--set' 'hosts.accel=kvm'")
    t.notOk(checks[name]?.requiredSystemFeatures?.length, `${name} is judged anywhere`)
    t.same(emulated[name]?.requiredSystemFeatures, [], `${name} emulated needs none`)
    t.match(emulated[name]?.buildPhase, "'hosts.accel=tcg'")
  }
})

t.test('the tests of the gate are found, not named: a file more is a test more, and none is no gate', async t => {
  const { checks } = await outputsOf(root)
  const filesOf = async (check: string, folder: string): Promise<string[]> => {
    const words = /for file in (.*); do/.exec(checks[check]?.buildPhase ?? '')?.[1]
    const { stdout } = await run('sh', ['-c', `printf '%s\\n' ${words}`], { cwd: folder })
    return stdout.trim().split('\n')
  }
  const native = await filesOf('native', root)
  // Each of C++'s own test programs has a test that builds it with sanitizers.
  for (const name of ['churn', 'diag', 'discover', 'lanes', 'max', 'packets', 'rtnl', 'sanitizers'])
    t.ok(native.includes(`test/native/${name}.test.ts`), name)
  t.notOk(native.includes('test/native/launch.test.ts'))
  const report = (await filesOf('unit', root)).filter(file => file.startsWith('test/report/'))
  t.ok(report.includes('test/report/traffic.test.ts'))
  t.notOk(report.includes('test/report/page.test.ts'), 'a sandbox has no browser')
  const tree = t.testdir({ test: { native: { 'new.test.ts': '// under sanitizers', 'other.test.ts': '' } } })
  t.same(await filesOf('native', tree), ['test/native/new.test.ts'])
  for (const check of ['native', 'unit']) t.match(checks[check]?.buildPhase, /"\$ran" = 0 .*exit 1/, check)
})

t.test('elsewhere every app, package and check says what to do', async t => {
  const { elsewhere, apps } = await outputsOf(root)
  const sentence = /need x86_64-linux, and this is aarch64-linux: run it on such a machine/
  for (const built of Object.values(elsewhere.packages)) t.match(built.buildPhase, sentence)
  t.same(Object.keys(elsewhere.checks).sort(), ['aarch64-darwin', 'aarch64-linux', 'x86_64-darwin'])
  t.match(elsewhere.checks['aarch64-linux']?.system?.buildPhase, /this is aarch64-linux[\s\S]*exit 3/)
  t.same([...(elsewhere.apps['aarch64-darwin'] ?? [])].sort(), Object.keys(apps).sort())
})

t.test('a lock that is not that of what it locks is told, with what to do', async t => {
  const flake = copyFlake(t.testdir())
  const words = async (): Promise<string> => (await outputsOf(flake)).checks.lock?.buildPhase ?? ''
  t.match(await words(), "problems=''", 'all is well')
  const edit = (file: string, from: string, to: string): void => {
    const path = join(flake, file)
    writeFileSync(path, readFileSync(path, 'utf8').replace(from, to))
  }
  edit('package.json', '"ws": "', '"ws": "1')
  t.match(await words(), 'package-lock.json has other dependencies than package.json: run `npm install`')
  edit('flake.nix', 'inputs.nixpkgs.url', 'inputs.more.url = "github:NixOS/more";\n  inputs.nixpkgs.url')
  edit('flake.nix', '{ self, nixpkgs }', '{ self, nixpkgs, ... }')
  t.match(await words(), 'flake.lock does not lock the input more of flake.nix: run `nix flake lock`')
  edit('flake.nix', 'inputs.nixpkgs.url', 'inputs.others.url')
  t.match(await words(), 'flake.lock locks nixpkgs, which flake.nix does not name')
})

t.test('the CI files ask for KVM before the gate, and never for emulation', async t => {
  for (const file of ['github-actions.yml', 'gitlab-ci.yml']) {
    const text = readFileSync(join(root, 'nix/ci', file), 'utf8').replaceAll(/^ *#.*$/gm, '')
    const at = ['/dev/kvm', 'doctor --gate', 'nix flake check --no-update-lock-file', '.#gate-runs'].map(word =>
      text.indexOf(word),
    )
    t.same(
      at,
      [...at].filter(place => place >= 0).sort((a, b) => a - b),
      file,
    )
    t.notMatch(text, /tcg|emulated\./, file)
  }
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

t.test('a guest sets what NixOS has, of the type it has there', async t => {
  const guest = (from: string, to: string): Promise<{ problem: string | null }> => {
    const flake = copyFlake(t.testdir())
    const module = join(flake, 'microvms/guest.nix')
    const text = readFileSync(module, 'utf8')
    t.ok(text.includes(from), from)
    writeFileSync(module, text.replace(from, to))
    return evaluate(flake)
  }
  const misspelt = await guest('boot.initrd.includeDefaultModules', 'boot.initrd.includeModules')
  t.match(misspelt.problem, /NixOS has no option boot\.initrd\.includeModules/)
  const inside = await guest('neededForBoot', 'neededForBooting')
  t.match(inside.problem, /NixOS has no option fileSystems\.\/nix\/store\.neededForBooting/)
  const typed = await guest('networking.useDHCP = false', 'networking.useDHCP = "no"')
  t.match(typed.problem, /networking\.useDHCP is to be bool, and is string/)
})

t.test('an image for every role and kernel, of modules and words that images without Nix have', async t => {
  const { packages, guest } = JSON.parse((await evaluate(root)).text) as Images
  const names = ['churn', 'controller', 'fleet'].flatMap(role => ['', '-latest', '-lts'].map(kernel => role + kernel))
  t.same(
    Object.keys(packages)
      .filter(name => name.startsWith('image-'))
      .sort(),
    names.map(name => `image-${name}`).sort(),
  )
  const recipe = await readRole('controller')
  t.same(Object.entries(guest.boot.kernel.sysctl).sort(), Object.entries(recipe.settings).sort())
  t.same(guest.boot.kernelModules, recipe.modules.boot)
  const words = recipe.command_line.filter(word => word !== 'rootfstype=ramfs')
  t.same(guest.boot.kernelParams.slice(0, words.length), words)
  t.match(guest.systemd.services['nslab-agent']?.serviceConfig.ExecStart, / \S+\/nslab\/dist\/cli\/main\.js agent$/)
})

t.test('what the services are told, the programs understand', async t => {
  const { services } = JSON.parse((await evaluate(root)).text) as {
    services: { services: { nslab: Record<'controller' | 'fleet', { settings: Record<string, unknown> }> } }
  }
  const { controller, fleet } = services.services.nslab
  const { parseControllerConfig } = await import('../../src/config/controller.ts')
  t.match(parseControllerConfig(stringify(controller.settings), 'controller.toml').db, {
    mode: 'external',
    host: '/run/postgresql',
    database: 'nslab',
  })
  const { parseDataplaneConfig } = await import('../../src/config/dataplane.ts')
  t.match(parseDataplaneConfig(stringify(fleet.settings), 'dataplane.toml'), {
    controllerAddr: '127.0.0.1:3000',
    nNodes: 1,
    nodeIdOffset: 0,
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
