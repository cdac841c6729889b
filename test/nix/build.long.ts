// The flake builds nslab and runs it: with Debian's Nix, sandboxed, and this machine's programs in the place of nixpkgs.
// Only npm's packages are downloaded, each a derivation of its own that the lock file's digest checks.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { type ExecResult, run } from '../../src/base/exec.ts'
import type { Report } from '../../src/judge/types.ts'
import { copyFlake, root } from '../fixtures/nix.ts'

/** Where the running Node.js is installed. */
const nodePrefix = dirname(dirname(process.execPath))

const NIX_CONFIG = [
  'experimental-features = nix-command flakes',
  'substitute = false',
  'build-users-group =',
  'sandbox = true',
  // A question mark: where there is one.
  `sandbox-paths = /bin /usr /lib /lib64 /etc/ssl? /etc/npmrc? ${nodePrefix}`,
  'max-jobs = 2',
].join('\n')

/** Nothing but nixpkgs' stand-in is another than a user has. */
const STAND_IN = ['--offline', '--no-write-lock-file', '--override-input', 'nixpkgs']

/** Runs nix on a copy of the flake, with what is built besides. */
async function nix(t: Test, words: readonly string[], after: readonly string[] = []): Promise<ExecResult> {
  const flake = copyFlake(join(t.testdirName, 'flake'), ['src', 'native', 'microvms', 'test'])
  writeFileSync(join(flake, 'nix/ci/stub/node-prefix'), nodePrefix)
  const [command = '', output, ...rest] = words
  const args = [command, `path:${flake}${output}`, ...rest, ...STAND_IN, `path:${flake}/nix/ci/stub`]
  const result = await run('nix', [...args, ...after], {
    cwd: t.testdirName,
    env: { ...process.env, NIX_CONFIG },
    timeoutMs: 1_200_000,
  })
  if (result.code !== 0) t.comment(result.stderr.slice(-4000))
  return result
}

t.test('the package: compiled, the addon built, and only what it needs at run time', async t => {
  t.testdir()
  const built = await nix(t, ['build', '#nslab', '--json', '--no-link'])
  t.equal(built.code, 0)
  const [{ outputs }] = JSON.parse(built.stdout) as [{ outputs: { out: string } }]
  const listed = await run(join(outputs.out, 'bin/nslab'), ['list'])
  t.match(listed.stdout, /^ring +100 /m)
  const parts = join(outputs.out, 'lib/nslab')
  t.same(readdirSync(join(parts, 'native/build/Release')).sort(), releases())
  t.notOk(readdirSync(join(parts, 'node_modules')).includes('typescript'))
  const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version
  t.match((await run(join(outputs.out, 'bin/nslab'), ['--version'])).stdout, version)
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

for (const check of ['plans', 'unit'])
  t.test(`the check ${check}`, async t => {
    t.testdir()
    t.equal((await nix(t, ['build', `#checks.x86_64-linux.${check}`, '--no-link'])).code, 0)
  })
