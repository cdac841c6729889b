import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeSmallClone } from '../fixtures/small-clone.ts'

/** The steps that a call did, by the titles of their last lines. */
const stepsOf = (stderr: string): string[] =>
  [...stderr.matchAll(/set-up: (.*): done in/g)].map(([, title = '']) => title)

const [install, addon, compile] = ['npm ci', 'addon (node-gyp)', 'dist (tsc)']

t.test('a bare clone is set up once, and again only as far as something changed', async t => {
  t.setTimeout(240_000)
  const { folder, start, startAsNobody, write, remove } = makeSmallClone(t)
  // HOME is empty as in a container's; npm then looks for its cache beside us.
  const env = { PATH: process.env.PATH, HOME: '' }

  await t.test('the first call does everything, then runs the command', async t => {
    const { stdout, stderr, code } = await start(['list', '--x', 'a b'], env)
    t.same([stdout, code], ['[["list","--x","a b"],null]\n', 0], stderr)
    t.same(stepsOf(stderr), [install, addon, compile])
    t.notOk(existsSync(join(folder, '~')), 'no cache of npm in the clone')
  })

  await t.test('the second does nothing; without arguments the ring is run', async t => {
    const { stdout, stderr } = await start([], env)
    t.same([stdout, stderr], ['[["run","ring"],null]\n', ''])
  })

  await t.test('without root the launcher starts what makes kernel objects, and nothing else', async t => {
    t.match(await startAsNobody(['list'], env), { stdout: '[["list"],null]\n', stderr: '' })
    const { stdout, stderr } = await startAsNobody([], env)
    t.equal(stdout, '[["run","ring"],"1"]\n')
    t.match(stderr, /user namespace.*\n.*open files: \d+/, 'the limits are told')
  })

  await t.test('a changed source is compiled, and what its source left behind is removed', async t => {
    write('src/base/new.ts', 'export const made = 1\n')
    t.same(stepsOf((await start(['x'], env)).stderr), [compile])
    t.ok(existsSync(join(folder, 'dist/base/new.js')))
    remove('src/base/new.ts')
    t.same(stepsOf((await start(['x'], env)).stderr), [compile])
    t.notOk(existsSync(join(folder, 'dist/base/new.js')))
  })

  await t.test('a file missing from dist is made again', async t => {
    remove('dist')
    t.match(await start(['x'], env), { stdout: '[["x"],null]\n' })
  })

  await t.test('a type error is told, and the command does not run', async t => {
    const text = readFileSync(join(folder, 'src/cli/main.ts'), 'utf8')
    write('src/cli/main.ts', `${text}export const wrong: number = 'text'\n`)
    const { stdout, stderr, code } = await start(['x'], env)
    t.same([stdout, code], ['', 70])
    t.match(stderr, 'TS2322')
    write('src/cli/main.ts', text)
    t.match(await start(['x'], env), { code: 0 })
  })

  await t.test('a changed native file is built, and a failed build is told and tried again', async t => {
    write('native/launch.c', 'int main(void) { return nothing; }\n')
    const failed = await start(['x'], env)
    t.same([failed.stdout, failed.code], ['', 6])
    t.match(failed.stderr, 'nothing')
    write('native/launch.c', 'int main(void) { return 1; }\n')
    t.same(stepsOf((await start(['x'], env)).stderr), [addon])
  })

  await t.test('a kernel that refuses user namespaces is told, with the remedy, and the exit is 3', async t => {
    const { stdout, stderr, code } = await startAsNobody(['run', 'ring'], env)
    t.same([stdout, code], ['', 3])
    t.match(stderr, 'sysctl -w user.max_user_namespaces')
  })

  await t.test('dependencies that went missing are installed again', async t => {
    remove('node_modules')
    t.same(stepsOf((await start(['x'], env)).stderr), [install])
  })

  await t.test('two calls at once both end well, and one of them did the work', async t => {
    remove('node_modules')
    remove('dist/.compiled')
    const [one, other] = await Promise.all([start(['one'], env), start(['other'], env)])
    t.same([one.stdout, other.stdout], ['[["one"],null]\n', '[["other"],null]\n'], one.stderr + other.stderr)
    t.same([...stepsOf(one.stderr), ...stepsOf(other.stderr)], [install, compile])
  })

  await t.test('a set-up that was killed is repaired by the next', async t => {
    remove('native/build')
    remove('dist')
    const abort = new AbortController()
    const watch = setInterval(() => existsSync(join(folder, 'native/build/.at-work')) && abort.abort(), 5)
    t.match(await start(['x'], env, abort.signal), { signal: 'SIGKILL' })
    clearInterval(watch)
    const { stderr, stdout } = await start(['x'], env)
    t.same([stdout, stepsOf(stderr)], ['[["x"],null]\n', [addon, compile]], stderr)
  })
})
