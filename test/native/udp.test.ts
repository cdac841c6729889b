// Runs the C++ tests of links over UDP under sanitizers: datagrams through a wire that loses, repeats and reorders; and
// whole links, from a handshake with hostile, late and repeated datagrams to accounts that are exact after losses.

import t from 'tap'
import { linkSources, sourcesOf } from '../../bench/native-sources.ts'
import { nativeChecks, testSeed } from '../fixtures/native-program.ts'

// Compiling takes most of it.
t.setTimeout(850_000)

t.test('datagrams: what came and what is lost are all that was sent', t =>
  nativeChecks(t, 28, {
    name: 'udp_test',
    parts: [...linkSources, ...sourcesOf('engine/packets')].filter(isPure),
    sanitizers: 'address,undefined',
    args: [testSeed(t)],
  }),
)

for (const sanitizers of ['address,undefined', 'thread'] as const)
  t.test(`links over UDP begin, count and end, under ${sanitizers}`, t =>
    nativeChecks(t, 90, {
      name: 'lanes_udp_test',
      parts: 'engine',
      sanitizers,
      isolated: true,
    }),
  )

/** What has no thread and needs no packet engine. */
function isPure(part: string): boolean {
  return !/engine\/(accept|dial|link|up)/.test(part)
}
