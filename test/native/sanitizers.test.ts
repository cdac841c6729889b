// The link engine under AddressSanitizer with UndefinedBehaviorSanitizer, and under ThreadSanitizer: a ring through
// random changes.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { launcher } from '../fixtures/launch.ts'
import { buildNative } from '../fixtures/native-program.ts'

const run = promisify(execFile)
const seed = process.env.NSLAB_SEED ?? '1'

// Compiling takes most of it.
t.setTimeout(300_000)

for (const sanitizers of ['address,undefined', 'thread'] as const) {
  t.test(`a ring through random changes is clean under ${sanitizers}`, async t => {
    t.comment(`seed ${seed}`)
    const program = await buildNative(t, { source: 'stress/links_stress', parts: 'engine', sanitizers })
    // Under nslab-launch a user without privileges can make the namespace too, and come back to one that is its own.
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
