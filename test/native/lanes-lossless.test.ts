// Runs the C++ tests of lossless transfers over the packet engine's threads under sanitizers: trees of nodes whose
// links lose, damage, break under load and come back, members that leave and nodes that die; accounts balance and
// nothing is left.

import t from 'tap'
import { nativeChecks } from '../fixtures/native-program.ts'

// Compiling takes most of it.
t.setTimeout(850_000)

for (const sanitizers of ['address,undefined', 'thread'] as const)
  t.test(`payloads are delivered whole, under ${sanitizers}`, t =>
    nativeChecks(t, 60, { name: 'lanes_lossless_test', parts: 'engine', sanitizers }),
  )
