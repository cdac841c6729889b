// `npm run fuzz` without fuzzing: what it refuses, and what it says where clang is missing. .ci/run fuzzes.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { exitCode } from '../../src/setup/root.mjs'

const program = fileURLToPath(new URL('../../src/setup/fuzz.mjs', import.meta.url))

/** Nothing is in PATH: no clang, and no apt-get that could install one. */
const fuzz = (...args: string[]) =>
  spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', env: { PATH: '/nonexistent' } })

t.test('a missing clang is named, with what installs it', async t => {
  const { status, stderr, stdout } = fuzz('--seconds', '1')
  t.equal(status, exitCode.notFit)
  t.match(stderr, 'missing: clang++ (has libFuzzer)')
  t.match(stderr, 'apt-get install -y --no-install-recommends clang libclang-rt-dev')
  t.equal(stdout, '', 'and nothing is counted as passed')
})

t.test('what can not be meant is refused', async t => {
  for (const [args, says] of [
    [['--seconds', '0'], '--seconds 0: a whole number from 1 is needed'],
    [['--runs', 'many'], '--runs many'],
    [['nothing'], 'no target nothing: there are stream, ip, offload, commands, udp'],
    [['--minutes', '1'], "Unknown option '--minutes'"],
  ] as const) {
    const { status, stderr } = fuzz(...args)
    t.equal(status, exitCode.usage, args.join(' '))
    t.match(stderr, says)
  }
})
