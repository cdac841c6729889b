// Runs the C++ tests of the packet engine's threads under sanitizers: chains, rings and trees of nodes, routes that
// change and links that die under load, peers that don't read; in every case the accounts balance and nothing is left.

import t from 'tap'
import { nativeChecks, testSeed } from '../fixtures/native-program.ts'

// Compiling takes most of it.
t.setTimeout(850_000)

for (const sanitizers of ['address,undefined', 'thread'] as const)
  t.test(`lanes forward, hold back and end, under ${sanitizers}`, t =>
    nativeChecks(t, 199, { name: 'lanes_test', parts: 'engine', sanitizers, args: [testSeed(t)], isolated: true }),
  )
