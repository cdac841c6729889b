// Runs the C++ tests of max mode under sanitizers: flows in streams of their own over relays that splice, relays and
// routes that go under load, wrong headers, loops, peers that don't read; accounts balance and nothing is left.

import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)
const native = fileURLToPath(new URL('../../native', import.meta.url))
const launcher = join(native, 'build/Release/nslab-launch')
const sourcesOf = (folder: string): string[] =>
  readdirSync(join(native, folder))
    .filter(name => name.endsWith('.cc'))
    .map(name => `${folder}/${name}`)
const parts = [
  ...['closer', 'status', 'sys', 'thread'].map(name => `base/${name}.cc`),
  ...['netns', 'socket', 'switch_log'].map(name => `netns/${name}.cc`),
  ...['accept', 'dial', 'handshake', 'link_handshake', 'link_loop', 'links', 'up_links'].map(
    name => `engine/${name}.cc`,
  ),
  ...sourcesOf('engine/packets'),
  ...sourcesOf('engine/lanes'),
  ...sourcesOf('engine/max'),
  'test/max_test.cc',
]

// Compiling takes most of it.
t.setTimeout(400_000)

for (const sanitizers of ['address,undefined', 'thread']) {
  t.test(`streams are opened, relayed and ended, under ${sanitizers}`, async t => {
    const folder = mkdtempSync(join(tmpdir(), 'nslab-max-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const program = join(folder, 'max_test')
    // As one unit: the standard headers, most of the work, are read once.
    const unit = join(folder, 'unit.cc')
    writeFileSync(unit, parts.map(source => `#include "${source}"\n`).join(''))
    const sanitize = [`-fsanitize=${sanitizers}`, '-fno-sanitize-recover=all']
    const options = ['-std=gnu++20', '-O1', '-g1', '-w', '-pthread', ...sanitize, '-I', native]
    await run(process.env.CXX ?? 'c++', [...options, unit, '-o', program])
    const own = [...(process.getuid?.() === 0 ? [] : ['--user']), '--net']
    const { stdout } = await run(launcher, [...own, '--', program]).catch(error => error as { stdout: string })
    const lines = stdout.split('\n').filter(line => /^(not )?ok /.test(line))
    t.equal(lines.length, 69)
    for (const line of lines) t.match(line, /^ok /, line)
  })
}
