import t from 'tap'
import { checkFleetsDisjoint } from '../../src/addressing/disjoint.ts'
import { type FleetRequest, planFleet } from '../../src/addressing/fleet.ts'
import { bridgeMacOf, macOf, parseIpv4 } from '../../src/addressing/ipv4.ts'
import { makeTopology } from '../../src/topology/make.ts'
import { nslabErrorOf } from '../fixtures/issues.ts'
import { seededRounds } from '../fixtures/seeds.ts'

const published: FleetRequest = { nNodes: 1, nodeIdOffset: 0, bridgeIp: '172.16.8.1', bridgeName: 'isobr0', mtu: 1400 }
const plan = (changes: Partial<FleetRequest>) => planFleet({ ...published, ...changes })

t.test('the published table of indexes, bridges, gateways and addresses holds', t => {
  const { nodes, bridges } = plan({ nNodes: 10_000 })
  for (const [index, bridge, gateway, address] of [
    [0, 'isobr0', '172.16.8.1', '172.16.8.2'],
    [1019, 'isobr0', '172.16.8.1', '172.16.11.253'],
    [1020, 'isobr1', '172.16.12.1', '172.16.12.2'],
    [9999, 'isobr9', '172.16.44.1', '172.16.47.53'],
  ] as const) {
    const node = nodes[index]
    t.match(node, { nodeId: index + 1, gateway, address, prefixLength: 22 })
    t.match(bridges[node?.bridge ?? -1], { name: bridge, address: gateway, prefixLength: 22 })
    t.match(node, { hostInterface: `veth${index}a`, nodeInterface: `veth${index}b` })
  }
  t.equal(bridges.length, 10)
  t.end()
})

t.test('a MAC address is a pure function of the IPv4 address', t => {
  t.equal(macOf(parseIpv4('172.16.8.2') as number), '02:6e:ac:10:08:02')
  t.equal(bridgeMacOf(parseIpv4('172.16.8.1') as number), '02:6f:ac:10:08:01')
  const { nodes, bridges } = plan({ nNodes: 2 })
  t.same(
    nodes.map(node => node.mac),
    ['02:6e:ac:10:08:02', '02:6e:ac:10:08:03'],
  )
  t.equal(bridges[0]?.mac, '02:6f:ac:10:08:01')
  t.end()
})

t.test('ids follow the offset, slots only when asked', t => {
  t.match(plan({ nodeIdOffset: 5 }).nodes[0], { nodeId: 6, address: '172.16.8.2', hostInterface: 'veth0a' })
  const far = plan({ nodeIdOffset: 1020 + 5, nNodes: 2, slotByOffset: true })
  t.match(far.nodes[0], {
    nodeId: 1026,
    bridge: 0,
    address: '172.16.12.7',
    gateway: '172.16.12.1',
    hostInterface: 'veth0a',
  })
  t.match(far.bridges, [{ name: 'isobr1' }], 'only bridges that are used')
  t.end()
})

t.test('topology neighbours of the same /22 become permanent entries, others are left to the gateway', t => {
  const topology = makeTopology({ preset: { type: 'ring', nNodes: 1022 }, edges: [] })
  const { neighbours } = plan({ nNodes: 1022, topology })
  t.same(neighbours[0], [1], 'node 1022 is in the next /22')
  t.same(neighbours[1], [0, 2])
  t.same(neighbours[1019], [1018])
  t.same(neighbours[1021], [1020])
  t.same(plan({ nNodes: 2 }).neighbours, [[], []], 'without a topology there are none')
  t.end()
})

t.test('neighbours of other fleets and ids beyond the topology have no entry', t => {
  const topology = makeTopology({ preset: { type: 'ring', nNodes: 4 }, edges: [] })
  t.same(plan({ nNodes: 3, nodeIdOffset: 2, topology }).neighbours, [[1], [0], []])
  t.end()
})

t.test('random fleets: addresses never repeat, never meet a gateway, and lie in their bridge', t => {
  for (const random of seededRounds(t, 30)) {
    const gatewayOffset = 1 + random.below(1022)
    const base = parseIpv4(`10.${random.below(200)}.0.0`) as number
    const bridgeIp = `10.${(base >>> 16) & 255}.${gatewayOffset >>> 8}.${gatewayOffset & 255}`
    const nNodes = 1 + random.below(2500)
    const { nodes, bridges } = plan({
      nNodes,
      bridgeIp,
      slotByOffset: random.below(2) === 0,
      nodeIdOffset: random.below(3000),
    })
    const taken = new Set([...nodes.map(node => node.address), ...bridges.map(bridge => bridge.address)])
    t.equal(taken.size, nodes.length + bridges.length)
    for (const node of nodes) {
      const address = parseIpv4(node.address) as number
      const gateway = parseIpv4(node.gateway) as number
      const host = address % 1024
      if (address - host !== gateway - (gateway % 1024) || host === 0 || host === 1023)
        t.fail('an address outside its /22', { node, bridgeIp })
    }
  }
  t.end()
})

t.test('what does not fit is refused, all of it at once', t => {
  const problemsOf = (changes: Partial<FleetRequest>): number => {
    const error = nslabErrorOf(() => plan(changes))
    t.equal(error.code, 'CONFIG_INVALID')
    return (error.facts.problems as string[]).length
  }
  t.equal(problemsOf({ bridgeIp: '172.16.8' }), 1)
  t.equal(problemsOf({ bridgeIp: '172.16.8.0' }), 1)
  t.equal(problemsOf({ bridgeIp: '172.16.11.255' }), 1)
  t.equal(problemsOf({ bridgeIp: '255.255.252.1', nNodes: 1021 }), 1)
  t.equal(problemsOf({ bridgeName: 'sixteen-bytes-00' }), 1)
  t.equal(problemsOf({ bridgeName: 'fifteen-bytes-9', nNodes: 10_201 }), 1, 'the eleventh shard needs a digit more')
  t.equal(problemsOf({ bridgeIp: 'x', bridgeName: 'sixteen-bytes-00' }), 2)
  t.end()
})

t.test('the last /22 of all holds a shard', t => {
  t.equal(plan({ bridgeIp: '255.255.252.1', nNodes: 1020 }).nodes[1019]?.address, '255.255.255.253')
  t.end()
})

t.test('a bridge name without digits gets the shard appended', t => {
  t.same(
    plan({ bridgeName: 'lab', nNodes: 1021 }).bridges.map(bridge => bridge.name),
    ['lab', 'lab1'],
  )
  t.end()
})

t.test('fleets that share an id or an address are refused, naming both', t => {
  const a = { host: 'alpha', fabric: plan({ nNodes: 3 }) }
  const sameAddresses = { host: 'beta', fabric: plan({ nNodes: 3, nodeIdOffset: 3 }) }
  const sameIds = { host: 'gamma', fabric: plan({ nNodes: 3, nodeIdOffset: 2, bridgeIp: '172.16.12.1' }) }
  t.match(nslabErrorOf(() => checkFleetsDisjoint([a, sameAddresses])).facts, {
    overlaps: [{ hosts: ['alpha', 'beta'], what: 'address', value: '172.16.8.2' }],
  })
  t.match(nslabErrorOf(() => checkFleetsDisjoint([a, sameIds])).facts, {
    overlaps: [{ hosts: ['alpha', 'gamma'], what: 'id', value: 3 }],
  })
  t.doesNotThrow(() =>
    checkFleetsDisjoint([a, { host: 'delta', fabric: plan({ nodeIdOffset: 3, nNodes: 3, slotByOffset: true }) }]),
  )
  t.end()
})
