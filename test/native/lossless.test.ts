// Runs the C++ tests of lossless transfers under AddressSanitizer with UndefinedBehaviorSanitizer: both ends against a
// network that loses, delays, duplicates and damages, with and without forward error correction.

import t from 'tap'
import { sourcesOf } from '../../bench/native-sources.ts'
import { nativeChecks, testSeed } from '../fixtures/native-program.ts'

// Compiling takes most of it.
t.setTimeout(850_000)

t.test('what is acknowledged is there, whatever the network does', t =>
  nativeChecks(t, 68, {
    name: 'lossless_test',
    parts: ['base/status.cc', ...sourcesOf('engine/lossless')],
    sanitizers: 'address,undefined',
    args: [testSeed(t)],
  }),
)
