import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { exitCode } from '../../src/setup/root.mjs'
import { buildNeeds, ensureSystem, inPath, testNeeds } from '../../src/setup/system.mjs'

/** Says its arguments; an update makes the simulation succeed, an installation makes the program it is asked for. */
const aptGet = `#!/bin/sh
echo "$*" >> "$FAKE/calls"
case "$*" in
  --simulate*) test -e "$FAKE/updated" ;;
  update) : > "$FAKE/updated" ;;
  *alpha*) printf '#!/bin/sh\\n' > "$FAKE/bin/alpha"; /bin/chmod +x "$FAKE/bin/alpha" ;;
esac
`

/** A machine with nothing but an apt-get of its own in PATH, where "alpha" is needed. */
const makeMachine = (t: Test) => {
  const folder = t.testdir({ bin: { 'apt-get': aptGet }, conf: '# a\n#create_main_cluster = true\n# b\n' })
  chmodSync(join(folder, 'bin/apt-get'), 0o755)
  const { PATH } = process.env
  Object.assign(process.env, { PATH: join(folder, 'bin'), FAKE: folder })
  const said: string[] = []
  t.intercept(process.stderr, 'write', { value: (text: string) => said.push(text) })
  t.teardown(() => {
    process.env.PATH = PATH
    delete process.env.FAKE
  })
  const read = (name: string): string => {
    const path = join(folder, name)
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }
  const need = (packages: string[]) => [
    { name: 'alpha', why: 'test', packages, isThere: () => inPath('alpha') !== undefined },
  ]
  return { read, need, said, createClusterConf: join(folder, 'conf') }
}

t.test('what is there is not asked for', async t => {
  const { read, createClusterConf } = makeMachine(t)
  await ensureSystem([{ name: 'x', why: '', packages: ['x'], isThere: () => true }], {
    isRoot: true,
    isDebian: true,
    createClusterConf,
  })
  t.equal(read('calls'), '')
})

for (const [title, isRoot, isDebian] of [
  ['without root', false, true],
  ['elsewhere than on Debian', true, false],
] as const) {
  t.test(`${title} nothing is changed, the commands are told and the exit is 3`, async t => {
    const { read, need, createClusterConf } = makeMachine(t)
    const machine = { isRoot, isDebian, createClusterConf }
    await t.rejects(ensureSystem(need(['alpha', 'postgresql']), machine), {
      code: exitCode.notFit,
      message: /create_main_cluster = false.*\n.*apt-get install -y --no-install-recommends alpha postgresql/,
    })
    t.equal(read('calls'), '')
    t.match(read('conf'), '#create_main_cluster = true')
  })
}

t.test('as root on Debian it is installed after saying so, with the lists fetched where they are not', async t => {
  const { read, need, said, createClusterConf } = makeMachine(t)
  await ensureSystem(need(['alpha']), { isRoot: true, isDebian: true, createClusterConf })
  t.same(read('calls').trim().split('\n'), [
    '--simulate install -y --no-install-recommends alpha',
    'update',
    'install -y --no-install-recommends alpha',
  ])
  t.ok(inPath('alpha'))
  t.match(said.join(''), /will be installed by apt: alpha/)
})

t.test('a database server comes without a database', async t => {
  const { read, need, createClusterConf } = makeMachine(t)
  await ensureSystem(need(['alpha', 'postgresql']), { isRoot: true, isDebian: true, createClusterConf })
  t.same(read('calls').trim().split('\n').slice(2), [
    'install -y --no-install-recommends postgresql-common',
    'install -y --no-install-recommends alpha postgresql',
  ])
  t.equal(read('conf'), '# a\ncreate_main_cluster = false\n# b\n')
})

t.test('an installation that brings nothing is not taken for success', async t => {
  const { need, createClusterConf } = makeMachine(t)
  await t.rejects(ensureSystem(need(['beta']), { isRoot: true, isDebian: true, createClusterConf }), {
    code: exitCode.notFit,
  })
})

t.test('everything needed to build and test is on the machine that runs this', async t => {
  for (const { name, isThere } of [...buildNeeds, ...testNeeds]) t.ok(isThere(), name)
})
