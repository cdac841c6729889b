// Runs the C++ tests of netlink bytes, sockets and thread places, built with AddressSanitizer.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const native = fileURLToPath(new URL('../../native', import.meta.url))
const launcher = join(native, 'build/Release/nslab-launch')
const parts = ['base/status', 'base/sys', 'fabric/spec', 'netns/netns', 'netns/switch_log']
const objects = ['address', 'batch', 'link', 'monitor', 'neighbour', 'nsid', 'route', 'socket'].map(
  name => `rtnl/${name}`,
)

t.test('netlink bytes, sockets and thread places do as their C++ tests say', t => {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-rtnl-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const program = join(folder, 'rtnl-test')
  // One translation unit: the standard headers, most of the work, are read once.
  const sources = [...parts, ...objects, 'fabric/watch', 'test/rtnl_test'].map(name => `#include "${name}.cc"\n`)
  const options = [
    '-std=gnu++20',
    '-O0',
    '-g1',
    '-fsanitize=address',
    '-pthread',
    '-I',
    native,
    '-x',
    'c++',
    '-',
    '-o',
    program,
  ]
  execFileSync(process.env.CXX ?? 'c++', options, { input: sources.join(''), stdio: 'pipe' })
  const seed = process.env.NSLAB_TEST_SEED ?? String(Date.now() % 2 ** 31)
  t.comment(`NSLAB_TEST_SEED=${seed}`)
  // Without root it makes namespaces in a user namespace of its own.
  const launched = process.getuid?.() === 0 ? [program, seed] : [launcher, '--user', '--net', '--', program, seed]
  const output = execFileSync(launched[0] as string, launched.slice(1), {
    encoding: 'utf8',
    env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' },
  })
  const lines = output.split('\n').filter(line => /^(not )?ok /.test(line))
  t.ok(lines.length > 20)
  for (const line of lines) t.match(line, /^ok /, line)
  t.end()
})
