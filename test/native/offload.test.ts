// Runs the C++ tests of what TUN interfaces with offloads hand over: against the kernel's own segments, and alone.

import t from 'tap'
import { nativeChecks, testSeed } from '../fixtures/native-program.ts'
import { needsTun } from '../fixtures/tun.ts'

// Compiling takes most of it.
t.setTimeout(850_000)

const program = {
  name: 'offload_test',
  parts: ['engine/packets/ip.cc', 'engine/packets/offload.cc'],
  sanitizers: 'address,undefined',
} as const

t.test('packets are taken apart and joined, and malformed ones refused', t =>
  nativeChecks(t, 35, { ...program, args: [testSeed(t)] }),
)

t.test('packets that stand for several become those that the kernel makes of them', needsTun, t =>
  nativeChecks(t, 9, { ...program, args: [testSeed(t), 'kernel'], isolated: true }),
)
