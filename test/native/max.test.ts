// Runs the C++ tests of max mode under sanitizers: flows in streams of their own over relays that splice, relays and
// routes that go under load, wrong headers, loops, peers that don't read; accounts balance and nothing is left.

import t from 'tap'
import { nativeChecks } from '../fixtures/native-program.ts'

// Compiling takes most of it.
t.setTimeout(850_000)

for (const sanitizers of ['address,undefined', 'thread'] as const)
  t.test(`streams are opened, relayed and ended, under ${sanitizers}`, t =>
    nativeChecks(t, 97, { name: 'max_test', parts: 'engine', sanitizers, isolated: true }),
  )
