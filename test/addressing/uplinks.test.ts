import t from 'tap'
import type { NamedFleet } from '../../src/addressing/disjoint.ts'
import { planFleet } from '../../src/addressing/fleet.ts'
import { mtuOf, planUplinks, uplinkByHand } from '../../src/addressing/uplinks.ts'
import { nslabErrorOf } from '../fixtures/issues.ts'

const bridge = { name: 'isobr0', mac: '02:6f:ac:10:08:01', address: '172.16.8.1', prefixLength: 22 }
const fleet = (host: string, bridgeIp: string, nNodes = 5, nodeIdOffset = 0): NamedFleet => ({
  host,
  fabric: planFleet({ nNodes, nodeIdOffset, bridgeIp, bridgeName: 'isobr0', mtu: 1400 }),
})

t.test('each host has an address of its own and a route to every other fleet', t => {
  const fleets = [fleet('host1', '172.16.8.1'), fleet('host2', '172.16.12.1', 1021, 5)]
  t.strictSame(planUplinks({ fleets, controllerHost: 'controller' }), [
    {
      host: 'host1',
      address: '198.18.0.1',
      prefixLength: 24,
      mac: '02:71:c6:12:00:01',
      routes: [
        { to: '172.16.12.0/22', via: '198.18.0.2' },
        { to: '172.16.16.0/22', via: '198.18.0.2' },
      ],
    },
    {
      host: 'host2',
      address: '198.18.0.2',
      prefixLength: 24,
      mac: '02:71:c6:12:00:02',
      routes: [{ to: '172.16.8.0/22', via: '198.18.0.1' }],
    },
    {
      host: 'controller',
      address: '198.18.0.254',
      prefixLength: 24,
      mac: '02:71:c6:12:00:fe',
      routes: [
        { to: '172.16.8.0/22', via: '198.18.0.1' },
        { to: '172.16.12.0/22', via: '198.18.0.2' },
        { to: '172.16.16.0/22', via: '198.18.0.2' },
      ],
    },
  ])
  t.end()
})

t.test('all have the MTU that is asked for; where none is said it is the usual one', t => {
  const fleets = [fleet('host1', '172.16.8.1'), fleet('host2', '172.16.12.1', 5, 5)]
  t.same(
    planUplinks({ fleets, mtu: 9000 }).map(({ mtu }) => mtu),
    [9000, 9000],
  )
  t.same(planUplinks({ fleets, mtu: 9000 }).map(mtuOf), [9000, 9000])
  t.same(planUplinks({ fleets }).map(mtuOf), [1500, 1500])
  t.end()
})

t.test('a single host has nobody to reach', t => {
  t.strictSame(planUplinks({ fleets: [fleet('host1', '172.16.8.1')] }), [])
  t.equal(planUplinks({ fleets: [fleet('host1', '172.16.8.1')], controllerHost: 'controller' }).length, 2)
  t.end()
})

t.test('ranges that meet are refused, naming both', t => {
  const refused = (...fleets: NamedFleet[]) => nslabErrorOf(() => planUplinks({ fleets, controllerHost: 'controller' }))
  const shared = refused(fleet('host1', '172.16.8.1'), fleet('host2', '172.16.8.1', 5, 5), fleet('host3', '10.0.0.1'))
  t.match(shared, {
    code: 'CONFIG_INVALID',
    message: /172\.16\.8\.0\/22 of host2 meets 172\.16\.8\.0\/22 of host1/,
  })
  t.match(refused(fleet('host1', '172.16.8.1'), fleet('host2', '198.18.3.1')), {
    message: /198\.18\.0\.0\/22 of host2 meets 198\.18\.0\.0\/24 of the underlay/,
  })
  t.match(
    refused(fleet('host1', '172.16.4.1', 3000), fleet('host2', '172.16.20.1'), fleet('host3', '172.16.12.1')),
    { message: /172\.16\.12\.0\/22 of host3 meets 172\.16\.12\.0\/22 of host1/ },
    'a later shard of a large fleet',
  )
  const named = { ...fleet('host1', '172.16.8.1').fabric, bridges: [{ ...bridge, name: 'uplink0' }] }
  t.match(refused({ host: 'host1', fabric: named }), { message: /bridge_name: uplink0 of host1/ })
  const many = Array.from({ length: 254 }, (_, i) => fleet(`host${i + 1}`, `10.${i}.0.1`, 1))
  t.match(refused(...many), { message: /253 fleets, not for 254/ })
  t.end()
})

t.test('as many hosts as the underlay has room for have addresses that all differ', t => {
  const fleets = Array.from({ length: 253 }, (_, i) => fleet(`host${i + 1}`, `10.${i}.0.1`, 1))
  const uplinks = planUplinks({ fleets, controllerHost: 'controller' })
  t.equal(new Set(uplinks.map(uplink => uplink.address)).size, 254)
  t.equal(new Set(uplinks.map(uplink => uplink.mac)).size, 254)
  for (const uplink of uplinks) t.equal(uplink.routes.length, uplink.host === 'controller' ? 253 : 252)
  t.end()
})

t.test('a fleet by hand has an uplink that follows from its first id', t => {
  const uplink = (nodeIdOffset: number, bridgeIp = '172.16.8.1') =>
    uplinkByHand('by hand', fleet('by hand', bridgeIp, 5, nodeIdOffset).fabric)
  t.strictSame(uplink(5), {
    host: 'by hand',
    address: '198.18.0.6',
    prefixLength: 15,
    mac: '02:71:c6:12:00:06',
    routes: [],
  })
  t.equal(uplink(131_069).address, '198.19.255.254')
  const refused = (...request: Parameters<typeof uplink>) => nslabErrorOf(() => uplink(...request)).message
  t.match(refused(131_070), /first id is at most 131070/)
  t.match(refused(0, '198.19.8.1'), /198\.19\.8\.0\/22 meets 198\.18\.0\.0\/15 of the underlay/)
  t.end()
})
