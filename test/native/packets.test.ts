// Runs the C++ tests of the packet engine's units: under AddressSanitizer with UndefinedBehaviorSanitizer, and, of what
// several threads use, under ThreadSanitizer.

import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'

const run = promisify(execFile)
const native = fileURLToPath(new URL('../../native', import.meta.url))
const units = readdirSync(join(native, 'engine/packets')).filter(name => name.endsWith('.cc'))
const packets = ['engine/handshake.cc', ...units.map(name => `engine/packets/${name}`)]
const memory = ['engine/packets/pool.cc', 'engine/packets/spares.cc']

// Compiling takes most of it.
t.setTimeout(400_000)

/** Builds a program of native/test as one unit: the standard headers, most of the work, are read once. Runs it. */
async function results(t: Test, name: string, parts: readonly string[], sanitizers: string, args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-packets-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const unit = join(folder, 'unit.cc')
  writeFileSync(unit, [...parts, `test/${name}.cc`].map(source => `#include "${source}"\n`).join(''))
  const sanitize = [`-fsanitize=${sanitizers}`, '-fno-sanitize-recover=all']
  const options = ['-std=gnu++20', '-O0', '-g1', '-w', '-pthread', ...sanitize, '-I', native]
  await run(process.env.CXX ?? 'c++', [...options, unit, '-o', join(folder, name)])
  const { stdout } = await run(join(folder, name), args)
  return stdout.split('\n').filter(line => /^(not )?ok /.test(line))
}

t.test('the units of the packet engine keep their rules', async t => {
  const seed = process.env.NSLAB_TEST_SEED ?? String(Date.now() % 2 ** 31)
  t.comment(`NSLAB_TEST_SEED=${seed}`)
  const lines = await results(t, 'packets_test', packets, 'address,undefined', [seed])
  t.equal(lines.length, 112)
  for (const line of lines) t.match(line, /^ok /, line)
})

t.test('blocks are given back by any thread', async t => {
  const lines = await results(t, 'packets_pool_test', memory, 'thread', [])
  t.equal(lines.length, 4)
  for (const line of lines) t.match(line, /^ok /, line)
})
