// The link engine under AddressSanitizer with UndefinedBehaviorSanitizer, and under ThreadSanitizer: a ring through
// random changes.

import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)
const native = fileURLToPath(new URL('../../native', import.meta.url))
const seed = process.env.NSLAB_SEED ?? '1'
const units = ['packets', 'lossless', 'lanes', 'udp'].map(name => `engine/${name}`)
const folders = ['stress', 'engine', ...units, 'netns', 'base']
const filesOf = (folder: string): string[] => readdirSync(join(native, folder)).map(name => join(native, folder, name))
const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
// The engine needs none of the threads that serve JavaScript.
const notNeeded = ['cleanup.cc', 'opener.cc']

// Compiling takes most of it.
t.setTimeout(300_000)

/**
 * Builds what is not current, as one unit: a fifth of the time of one by one. Warnings are the addon's build's
 * business; instrumented code has more of them, and false ones.
 */
async function build(sanitizers: string): Promise<string> {
  const program = join(native, 'build', 'sanitizers', `links-stress-${sanitizers}`)
  const files = folders.flatMap(filesOf)
  if (files.some(file => modified(file) >= modified(program))) {
    mkdirSync(dirname(program), { recursive: true })
    const sources = files.filter(file => file.endsWith('.cc') && !notNeeded.includes(basename(file)))
    const unit = `${program}.cc`
    writeFileSync(unit, sources.map(source => `#include ${JSON.stringify(source)}\n`).join(''))
    const sanitize = [`-fsanitize=${sanitizers}`, '-fno-sanitize-recover=all']
    await run('g++', ['-std=gnu++20', '-O0', '-g1', '-w', '-pthread', ...sanitize, '-I', native, unit, '-o', program])
  }
  return program
}

for (const sanitizers of ['address,undefined', 'thread']) {
  t.test(`a ring through random changes is clean under ${sanitizers}`, async t => {
    t.comment(`seed ${seed}`)
    const program = await build(sanitizers)
    // Under nslab-launch a user without privileges can make the namespace too, and come back to one that is its own.
    const launcher = join(native, 'build', 'Release', 'nslab-launch')
    const options = process.getuid?.() === 0 ? [] : ['--user', '--net']
    const { stdout } = await run(launcher, [...options, '--', program, '30', '1500', seed])
    t.comment(stdout.trim())
    const facts = JSON.parse(stdout) as Record<'up' | 'down' | 'dial_failed' | 'tokens' | 'tokens_unsent', number>
    t.ok(facts.up >= 60, 'the ring was whole in the end')
    t.ok(facts.down > 0 && facts.dial_failed > 0, 'and was not left in peace')
    t.ok(facts.tokens >= 30, 'a token walked it')
    t.ok(facts.tokens_unsent > 0, 'and others had found no link on the way')
  })
}
