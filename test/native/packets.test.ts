// Runs the C++ tests of the packet engine's units: under AddressSanitizer with UndefinedBehaviorSanitizer, and, of what
// several threads use, under ThreadSanitizer.

import t from 'tap'
import { sourcesOf } from '../../bench/native-sources.ts'
import { nativeChecks, testSeed } from '../fixtures/native-program.ts'

// Compiling takes most of it.
t.setTimeout(850_000)

t.test('the units of the packet engine keep their rules', t =>
  nativeChecks(t, 137, {
    name: 'packets_test',
    parts: ['engine/handshake.cc', ...sourcesOf('engine/packets')],
    sanitizers: 'address,undefined',
    optimize: '-O0',
    args: [testSeed(t)],
  }),
)

t.test('blocks are given back by any thread', t =>
  nativeChecks(t, 4, {
    name: 'packets_pool_test',
    parts: ['engine/packets/pool.cc', 'engine/packets/spares.cc'],
    sanitizers: 'thread',
    optimize: '-O0',
  }),
)
