import t from 'tap'
import { planFleet } from '../../src/addressing/fleet.ts'
import { parseIpv4 } from '../../src/addressing/ipv4.ts'
import { coverOf, overlapOf, rangeOf } from '../../src/addressing/ranges.ts'
import { seededRounds } from '../fixtures/seeds.ts'

const fleet = (nNodes: number, nodeIdOffset: number, bridgeIp = '172.16.8.1') =>
  rangeOf(planFleet({ nNodes, nodeIdOffset, bridgeIp, bridgeName: 'isobr0', mtu: 1400, slotByOffset: true }))

t.test('the published fleets of five have ranges that do not meet, by their slots', t => {
  t.strictSame(fleet(5, 0), {
    first_id: 1,
    last_id: 5,
    networks: ['172.16.8.2/31', '172.16.8.4/31', '172.16.8.6/32'],
    gateways: ['172.16.8.1'],
  })
  t.strictSame(fleet(5, 5), {
    first_id: 6,
    last_id: 10,
    networks: ['172.16.8.7/32', '172.16.8.8/30'],
    gateways: ['172.16.8.1'],
  })
  t.equal(overlapOf(fleet(5, 0), fleet(5, 5)), null)
  t.equal(overlapOf(fleet(2000, 0), fleet(10, 2000)), null)
  t.end()
})

t.test('a fleet over several /22s has the networks of each', t => {
  const { networks, gateways } = fleet(1021, 0)
  t.strictSame(gateways, ['172.16.8.1', '172.16.12.1'])
  t.equal(networks[0], '172.16.8.2/31')
  t.equal(networks.at(-1), '172.16.12.2/32')
  t.notOk(
    networks.some(network => network.startsWith('172.16.8.0/')),
    'nothing that is no node',
  )
  t.end()
})

t.test('what meets is said from the side of the one that comes', t => {
  t.equal(overlapOf(fleet(5, 4), fleet(5, 0)), 'its ids 5 to 9 meet ids 1 to 5')
  t.equal(overlapOf(fleet(5, 5), fleet(5, 0, '172.16.8.6')), 'its addresses 172.16.8.7/32 meet 172.16.8.4/30')
  const sameSlots = { ...fleet(5, 0), first_id: 11, last_id: 15 }
  t.equal(overlapOf(sameSlots, fleet(5, 0)), 'its addresses 172.16.8.2/31 meet 172.16.8.2/31')
  t.equal(
    overlapOf(fleet(5, 300, '172.16.8.3'), fleet(5, 0)),
    'its gateway 172.16.8.3 is one of the addresses 172.16.8.2/31',
  )
  t.equal(
    overlapOf(fleet(5, 0), fleet(5, 300, '172.16.8.3')),
    'its addresses 172.16.8.2/31 hold the gateway 172.16.8.3',
  )
  t.end()
})

t.test('a cover holds the addresses asked for and no other, in as few networks as there can be', t => {
  const base = parseIpv4('172.16.8.0') as number
  t.strictSame(coverOf(base, base + 1023), ['172.16.8.0/22'])
  t.strictSame(coverOf(0, 2 ** 32 - 1), ['0.0.0.0/0'])
  for (const random of seededRounds(t, 200)) {
    const first = base + random.below(1024)
    const last = first + random.below(1024)
    let next = first
    const networks = coverOf(first, last)
    for (const network of networks) {
      const [address, prefixLength] = network.split('/') as [string, string]
      const size = 2 ** (32 - Number(prefixLength))
      t.equal(parseIpv4(address), next)
      t.equal(next % size, 0, 'a network starts at a multiple of its size')
      next += size
    }
    t.equal(next, last + 1)
    // Two neighbours of one size that would make one network would be one.
    networks.forEach((network, index) => {
      const [address, prefixLength] = network.split('/') as [string, string]
      const after = networks[index + 1]?.split('/')[1]
      const size = 2 ** (32 - Number(prefixLength))
      t.notOk(after === prefixLength && ((parseIpv4(address) as number) / size) % 2 === 0)
    })
  }
  t.end()
})
