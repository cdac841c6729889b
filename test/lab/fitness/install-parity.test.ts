// ISA-L for lossless flows with parity: put there by the set-up's installer, here with an apt-get and a place for
// libraries of the test's own.

import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import t, { type Test } from 'tap'
import { parseScenario } from '../../../src/config/scenario.ts'
import { installParity, needsParity, parityGround } from '../../../src/lab/fitness/install-parity.ts'
import { NslabProcess } from '../../fixtures/nslab-process.ts'

const FEC = 'lossless_runtime_config = { session_mode = "fec" }'

const scenario = (dataplane: string, flow: string, more = '') =>
  parseScenario(
    'name = "x"\n[controller]\ntopology = { type = "ring", ring_config = { n_nodes = 4 } }\n' +
      `routing = { protocol = "shortest_path" }\n[dataplane]\n${dataplane}\n[[flow]]\nfrom = 1\nto = 2\n${flow}\n${more}`,
    'x.toml',
    [],
    path => path,
  )

t.test('only lossless flows with parity need it', t => {
  const payload = 'transport = "lossless"\npayload = "1 kB"'
  t.equal(needsParity(scenario(FEC, payload)), true)
  t.equal(needsParity(scenario(FEC.replace('fec', 'plain'), payload)), false)
  t.equal(needsParity(scenario('', payload)), false)
  t.equal(needsParity(scenario(FEC, 'bytes = "1 kB"')), false)
  t.equal(needsParity(scenario(FEC, 'bytes = "1 kB"', `[[flow]]\nfrom = 2\nto = 3\n${payload}`)), true)
  t.end()
})

/**
 * A machine where `apt-get install` does what `installs` says, a line of a shell, and whose set-up looks for the
 * library in the test's folder alone.
 */
function makeMachine(t: Test, installs: string, facts = 'isRoot: true, isDebian: true') {
  const system = new URL('../../../src/setup/system.mjs', import.meta.url).href
  const folder = t.testdir({
    bin: {
      'apt-get': `#!/bin/sh\necho "$*" >> "$FAKE/calls"\ncase "$*" in --simulate*) ;; *) ${installs} ;; esac\n`,
    },
    lib: {},
    'installer.mjs':
      `import { existsSync } from 'node:fs'\nimport * as real from ${JSON.stringify(system)}\n` +
      "const isThere = () => existsSync(process.env.FAKE + '/lib/libisal.so.2')\n" +
      'export const parityNeeds = real.parityNeeds.map(need => ({ ...need, isThere }))\n' +
      `export const ensureSystem = needs => real.ensureSystem(needs, { ${facts}, createClusterConf: '/nowhere' })\n`,
  })
  chmodSync(join(folder, 'bin/apt-get'), 0o755)
  const { PATH = '' } = process.env
  Object.assign(process.env, { PATH: [join(folder, 'bin'), PATH].join(delimiter), FAKE: folder })
  const said: string[] = []
  t.intercept(process.stderr, 'write', { value: (text: string) => said.push(text) })
  t.teardown(() => {
    process.env.PATH = PATH
    delete process.env.FAKE
  })
  const calls = (): string[] => {
    const path = join(folder, 'calls')
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
  }
  return { installer: join(folder, 'installer.mjs'), calls, said }
}

const BRINGS = ': > "$FAKE/lib/libisal.so.2"'

t.test('as root on Debian it is installed, after saying so, and once', async t => {
  const { installer, calls, said } = makeMachine(t, BRINGS)
  await installParity('here', installer)
  const install = 'install -y --no-install-recommends libisal2'
  t.same(calls(), [`--simulate ${install}`, install])
  t.match(
    said.join(''),
    /missing: libisal\.so\.2 \(makes and uses parity symbols\)\n.*will be installed by apt: libisal2/,
  )
  await installParity('here', installer)
  t.equal(calls().length, 2, 'it is there')
})

t.test('without root nothing is changed: what to type is told, and the exit is 3', async t => {
  const { installer, calls } = makeMachine(t, BRINGS, 'isRoot: false, isDebian: true')
  await t.rejects(installParity('here', installer), {
    code: 'NOT_FIT',
    exitCode: 3,
    facts: { problems: [/missing: libisal\.so\.2.*\n.*run as root:\n {2}apt-get install -y.* libisal2$/] },
  })
  t.same(calls(), [])
})

t.test('an installation that fails, and one that brings nothing, are told', async t => {
  const failing = makeMachine(t, 'echo "E: no such package" >&2; exit 100')
  await t.rejects(installParity('here', failing.installer), {
    code: 'NOT_FIT',
    facts: { problems: [/apt-get install/] },
  })
  const idle = makeMachine(t, ':')
  await t.rejects(installParity('here', idle.installer), {
    code: 'NOT_FIT',
    facts: { problems: ['still missing: libisal.so.2'] },
  })
})

t.test('guests whose image is made here have it from here', async t => {
  const { installer, calls } = makeMachine(t, BRINGS)
  await installParity('guests', installer)
  t.equal(calls().length, 2, 'so it is installed')
})

t.test('with an image that was made elsewhere it is refused, and nothing is installed', async t => {
  const { installer, calls } = makeMachine(t, BRINGS)
  await t.rejects(installParity('other guests', installer), {
    code: 'NOT_FIT',
    exitCode: 3,
    facts: { problems: [/without --image: --on host, or session_mode = "plain"/] },
  })
  t.same(calls(), [])
})

t.test('images that are named, by whomever, were made elsewhere', t => {
  const plain = scenario(FEC, 'bytes = "1 kB"')
  t.equal(parityGround(plain, false), 'here')
  t.equal(parityGround(plain, true), 'guests')
  t.equal(parityGround({ ...plain, hosts: { ...plain.hosts, image: '/x' } }, true), 'other guests')
  for (const name of ['NSLAB_IMAGES', 'NSLAB_IMAGE_DERIVATIONS']) {
    process.env[name] = '/x'
    t.teardown(() => delete process.env[name])
    t.equal(parityGround(plain, true), 'other guests', name)
    delete process.env[name]
  }
  t.end()
})

t.test('a run with it and another image ends before anything is made', async t => {
  const folder = t.testdir({ image: {} })
  const out = join(folder, 'run')
  const args = ['run', 'lossless-tree', '--on', 'vm', '--accel', 'tcg', '--image', join(folder, 'image'), '--out', out]
  const { ended } = new NslabProcess(args)
  t.match(await ended, { code: 3, stderr: /not fit for the run:\nsession_mode = "fec" needs ISA-L, which only guest/ })
  t.notOk(existsSync(out))
})

t.test('an installed package has no set-up, and leaves it to the engine', async t => {
  const { calls } = makeMachine(t, BRINGS)
  await installParity('here', join(t.testdirName, 'none.mjs'))
  t.same(calls(), [])
})

t.test("the set-up's installer is where it is looked for", async t => {
  // The tests' own needs have put the library there.
  await installParity('here')
  t.ok((await import('../../../src/setup/system.mjs')).parityNeeds.every(({ isThere }) => isThere()))
})
