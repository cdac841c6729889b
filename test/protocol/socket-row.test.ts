// Words for what the kernel numbers: states, their masks, and addresses.

import t from 'tap'
import { Random } from '../../src/base/random.ts'
import { formatIpv6, namedStates, SocketRows, stateMask } from '../../src/protocol/socket-row.ts'

t.test('states become the kernel’s bits', async t => {
  t.equal(stateMask(['ESTABLISHED']), 1 << 1)
  t.equal(stateMask(['LISTEN', 'TIME_WAIT']), (1 << 10) | (1 << 6))
  t.equal(stateMask(['SYN_RECV']), (1 << 3) | (1 << 12), 'and requests that are not accepted yet')
  t.equal(stateMask([]), 0x1ffe)
  t.equal(stateMask(namedStates), 0x1ffe)
  for (const unknown of ['', 'NEW_SYN_RECV', 'established', 'constructor']) t.equal(stateMask([unknown]), undefined)
})

t.test('IPv6 is written as RFC 5952 wants it', async t => {
  const groups = (text: string): number[] => text.split(' ').map(group => Number.parseInt(group, 16))
  for (const [from, to] of [
    ['0 0 0 0 0 0 0 0', '::'],
    ['0 0 0 0 0 0 0 1', '::1'],
    ['fe80 0 0 0 0 0 0 0', 'fe80::'],
    ['2001 db8 0 1 1 1 1 1', '2001:db8:0:1:1:1:1:1'],
    ['2001 0 0 1 0 0 0 1', '2001:0:0:1::1'],
    ['2001 db8 0 0 1 0 0 1', '2001:db8::1:0:0:1'],
    ['0 0 0 0 0 ffff 7f00 1', '::ffff:127.0.0.1'],
    ['0 0 0 0 1 ffff 7f00 1', '::1:ffff:7f00:1'],
  ] as const)
    t.equal(formatIpv6(groups(from)), to)
})

t.test('IPv6 is written as URLs write it', async t => {
  const random = new Random(Number(process.env.NSLAB_TEST_SEED ?? 1))
  for (let round = 0; round < 2000; round++) {
    const groups = Array.from({ length: 8 }, () => (random.below(2) === 0 ? 0 : random.below(65_536)))
    // There they have no dots.
    if (groups.slice(0, 5).every(group => group === 0) && groups[5] === 0xffff) continue
    t.equal(`[${formatIpv6(groups)}]`, new URL(`http://[${groups.map(g => g.toString(16)).join(':')}]/`).host)
  }
})

t.test('a row without more than its ends is told with nulls', async t => {
  const bytes = new Uint8Array(384)
  bytes.set([127, 0, 0, 1], 32)
  bytes[68] = 4
  bytes[69] = 6
  t.match(new SocketRows(bytes.buffer, 1).facts(0, 0), {
    family: 4,
    state: 'TIME_WAIT',
    src: '127.0.0.1',
    dst: '0.0.0.0',
    cgroup_id: null,
    congestion: null,
    tcp: null,
  })
  t.throws(() => new SocketRows(bytes.buffer, 2), RangeError, 'rows that are not in the buffer')
})
