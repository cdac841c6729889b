// Both stores, held to one behaviour.

import tap, { type Test } from 'tap'
import type { NodeState } from '../../src/controller/core.ts'
import type { Flow } from '../../src/controller/flows.ts'
import { MemoryStore } from '../../src/controller/memory-store.ts'
import { PostgresStore } from '../../src/controller/postgres-store.ts'
import type { Contents, Store, StoreListener } from '../../src/controller/store.ts'
import { until } from '../fixtures/control-client.ts'
import { privatePostgres, skipReason } from '../fixtures/private-postgres.ts'
import type { Teardown } from '../fixtures/teardown.ts'

type Heard = readonly [what: string, id: number, value: unknown]

class Listener implements StoreListener {
  readonly heard: Heard[] = []
  readonly contents: Contents[] = []
  readonly invalid: string[] = []
  readonly connection: string[] = []
  readonly onRoute = (id: number, edges: unknown): number => this.heard.push(['route', id, edges])
  readonly onFlow = (id: number, flow: unknown): number => this.heard.push(['flow', id, flow])
  readonly onLink = (from: number, to: number, shape: unknown): number =>
    this.heard.push(['link', 100 * from + to, shape])
  readonly onProbe = (id: number, ask: unknown): number => this.heard.push(['probe', id, ask])
  readonly onContents = (contents: Contents): number => this.contents.push(contents)
  readonly onInvalid = (message: string): number => this.invalid.push(message)
  readonly onLost = (): number => this.connection.push('lost')
  readonly onBack = (): number => this.connection.push('back')
}

const state = (nodeId: number, changes: Partial<NodeState> = {}): NodeState => ({
  nodeId,
  incarnation: 1,
  privateNetworkName: `it's "quoted", {braced} and \\`,
  privateNetworkAddr: `172.16.8.${nodeId}:8080`,
  publicNetworkAddr: `172.16.8.${nodeId}:8080`,
  connected: true,
  ...changes,
})

/** Rates and lengths above 32 bits, as the published schema can't keep them. */
const flow = (srcNodeId: number): Omit<Flow, 'id'> => ({
  srcNodeId,
  dstNodeId: 2,
  spec: { transport: 'tcp', flow_len: { Bytes: 5_000_000_000 }, flow_rate: 6_000_000_000, flow_weight: 3 },
})

const seed = {
  reset: true,
  routes: [
    [
      [1, 2],
      [2, 3],
    ],
    [[3, 1]],
  ],
  flows: [flow(1), flow(3)],
  links: [
    { srcNodeId: 1, dstNodeId: 2, shape: { rate: 6_000_000_000, loss_ratio: 0.1 } },
    { srcNodeId: 2, dstNodeId: 1, shape: { delay_s: 0.01 } },
  ],
  groups: [
    {
      id: 1,
      label: 'news',
      srcNodeId: 1,
      groupIp: '239.255.0.1',
      members: [2, 3],
      trees: [
        {
          treeId: 0,
          edges: [
            [1, 2],
            [2, 3],
          ],
        },
        { treeId: 1, edges: [[1, 3]] },
      ],
    },
    { id: 2, label: "it's", srcNodeId: 2, groupIp: '239.255.0.2', members: [1], trees: [] },
  ],
} as const

const nothing = { routes: [], flows: [], links: [], groups: [] }

tap.test('memory', async t => suite(t, () => Promise.resolve((listener: Listener) => new MemoryStore(listener))))

tap.test('postgres', { skip: skipReason }, async t => {
  const { server } = privatePostgres(t)
  await server.start()
  const { target } = server
  const make = (listener: Listener) => new PostgresStore({ target, listener, flowTransport: 'tcp' })
  await suite(t, () => Promise.resolve(make))

  t.test('rows that make no sense are left out with a warning, and live changes by SQL are heard', async t => {
    const { listener, store } = await opened(t, make, { reset: true, ...nothing })
    const pg = await sql(t, target)
    await pg("INSERT INTO routes (src_node_id, dst_node_id, edges) VALUES (1, 2, '\"none\"'), (1, 3, '[1,2,3]')")
    await until(() => listener.heard.length === 2)
    t.same(
      listener.heard,
      [
        ['route', 1, null],
        [
          'route',
          2,
          [
            [1, 2],
            [2, 3],
          ],
        ],
      ],
      'a path is read as edges',
    )
    t.equal(listener.invalid.length, 1)
    await pg(
      `INSERT INTO flows (src_node_id, dst_node_id, flow_len_type, flow_len_bytes) VALUES (1, 2, 'bytes', NULL), (1, 2, 'bytes', 9223372036854775807)`,
    )
    await until(() => listener.heard.length === 4)
    t.same(listener.heard.slice(2), [
      ['flow', 1, null],
      ['flow', 2, null],
    ])
    await pg(
      `UPDATE flows SET is_finished = TRUE, finish_time = 1; INSERT INTO flow_routes VALUES (1, 2); UPDATE flows SET flow_len_bytes = 7 WHERE id = 1`,
    )
    await until(() => listener.heard.length === 5)
    t.match(
      listener.heard[4],
      ['flow', 1, { routeId: 2, spec: { flow_len: { Bytes: 7 } } }],
      'a pin is part of the flow; its end is not',
    )
    await pg('NOTIFY sync_routes')
    await until(() => listener.contents.length === 1)
    await pg(`NOTIFY auto_sync_flows, '{"newly_inserted_id": 99999999999}'`)
    await until(() => listener.contents.length === 2)
    await pg('TRUNCATE routes')
    await until(() => listener.contents.length === 3)
    t.same(listener.contents[2]?.routes, new Map())
    t.equal(store.unwrittenCount, 0)
  })

  t.test('shapes of links by SQL are heard, and those that are none are left out with a warning', async t => {
    const { listener } = await opened(t, make, seed)
    const pg = await sql(t, target)
    await pg(`UPDATE links SET shape = '{"loss_ratio": 2}' WHERE src_node_id = 1`)
    await until(() => listener.heard.length === 1)
    t.same([listener.heard[0], listener.invalid.length], [['link', 102, null], 1])
    await pg(`INSERT INTO links VALUES (1, 3, '{"los": 0.1}')`)
    await until(() => listener.heard.length === 2)
    t.same([listener.heard[1], listener.invalid.length], [['link', 103, null], 2])
    await pg('UPDATE links SET dst_node_id = 5 WHERE src_node_id = 2')
    await until(() => listener.heard.length === 4)
    t.same(
      listener.heard.slice(2).toSorted(([, a], [, b]) => a - b),
      [
        ['link', 201, null],
        ['link', 205, { delay_s: 0.01 }],
      ],
      'a row that is of another direction now',
    )
    await pg('TRUNCATE links')
    await until(() => listener.contents.length === 1)
    t.same(listener.contents[0]?.links, [])
  })

  t.test('rows are as the published schema has them; a flow that is finished is no new one', async t => {
    const { listener, store } = await opened(t, make, seed)
    const pg = await sql(t, target)
    t.match(await pg('SELECT label, src_node_id, group_ip FROM groups ORDER BY id'), [
      { label: 'news', src_node_id: 1, group_ip: '239.255.0.1' },
      { label: "it's", src_node_id: 2 },
    ])
    t.match(await pg('SELECT group_id, tree_id, edges FROM group_routes ORDER BY tree_id'), [
      {
        group_id: 1,
        tree_id: 0,
        edges: [
          [1, 2],
          [2, 3],
        ],
      },
      { group_id: 1, tree_id: 1 },
    ])
    store.putFlowTimes([{ flowId: 2, startTime: 5, finishTime: 7 }])
    const flowId = Buffer.from('0a0000010a000002c00122b800000000', 'hex')
    store.putMetrics([{ flowId, localNodeId: 1, remoteNodeId: 2, bytes: 5_000_000_000, timeRead: 6 }])
    await store.flush(5_000)
    t.match(await pg('SELECT start_time, finish_time, is_finished FROM flows ORDER BY id'), [
      { start_time: null, finish_time: null, is_finished: false },
      { start_time: '5', finish_time: '7', is_finished: true },
    ])
    t.match(await pg('SELECT flow_id, local_node_id, remote_node_id, bytes, time_read FROM metrics'), [
      { flow_id: flowId, local_node_id: 1, remote_node_id: 2, bytes: '5000000000', time_read: '6' },
    ])
    await pg("INSERT INTO groups (label, src_node_id, group_ip, created_at) VALUES ('new', 3, '239.255.0.3', 0)")
    await until(() => listener.contents.length === 1)
    t.match(listener.contents[0]?.groups[2], { id: 3, label: 'new', members: [], trees: [] })
    t.same(listener.heard, [], 'no flow was told of')
  })

  t.test('flows of a configuration go to the groups of their labels that are there already', async t => {
    const { store } = await opened(t, make, seed)
    const pg = await sql(t, target)
    await pg("UPDATE groups SET id = 9 WHERE label = 'news'; DELETE FROM groups WHERE id = 2; TRUNCATE flows")
    await store.close()
    const flows = [{ ...flow(1), dstGroupId: 1 }, { ...flow(2), dstGroupId: 2 }, flow(3)]
    const { contents } = await opened(t, make, { ...seed, reset: false, flows })
    t.same(
      [...contents.flows.values()].map(({ dstGroupId }) => dstGroupId),
      [9, 0, undefined],
    )
  })

  t.test('a node row says whether its node is there, and stays when it left', async t => {
    const { store } = await opened(t, make, seed)
    store.putNode(state(1))
    store.putNode(state(1, { connected: false, incarnation: 2 }))
    await store.flush(5_000)
    const pg = await sql(t, target)
    t.match(await pg('SELECT id, private_network_name, connected, incarnation FROM nodes'), [
      { id: 1, private_network_name: state(1).privateNetworkName, connected: false, incarnation: '2' },
    ])
  })

  t.test('without a reset rows stay, and routes and flows are not seeded twice', async t => {
    const first = await opened(t, make, seed)
    first.store.putNode(state(1))
    await first.store.insertRoute([[1, 9]])
    await first.store.flush(5_000)
    await first.store.close()
    const { contents, store } = await opened(t, make, { ...seed, reset: false })
    t.same([...contents.routes.keys()], [1, 2, 3])
    t.same([...contents.flows.keys()], [1, 2])
    t.equal(await store.countNodes(), 1)
    const pg = await sql(t, target)
    t.match(await pg('SELECT connected FROM nodes'), [{ connected: false }], 'nobody is connected to a new controller')
  })

  t.test('the published tables are widened in place, and a newer schema is refused', async t => {
    const pg = await sql(t, target)
    await pg('DROP TABLE nodes, flows, nslab_migrations CASCADE')
    await pg(
      'CREATE TABLE nodes (id INTEGER PRIMARY KEY, private_network_name TEXT, private_network_addr TEXT, public_network_addr TEXT)',
    )
    await pg(`CREATE TABLE flows (id SERIAL PRIMARY KEY, src_node_id INTEGER, dst_node_id INTEGER, flow_len_type TEXT, flow_len_bytes INTEGER,
      flow_len_duration INTEGER, flow_rate INTEGER, flow_weight INTEGER, start_time BIGINT, finish_time BIGINT, is_finished BOOLEAN)`)
    const { contents, store } = await opened(t, make, { ...seed, reset: false })
    t.match(contents.flows.get(1)?.spec, { flow_rate: 6_000_000_000 })
    await store.close()
    await pg('INSERT INTO nslab_migrations VALUES (1000)')
    await t.rejects(make(new Listener()).open({ ...seed, reset: false }), { code: 'DATABASE_REFUSED' })
  })
})

async function suite(t: Test, prepare: () => Promise<(listener: Listener) => Store>): Promise<void> {
  const make = await prepare()

  t.test('an empty store is seeded, and says what it holds', async t => {
    const { contents } = await opened(t, make, seed)
    t.same(contents.routes, new Map(seed.routes.map((edges, at) => [at + 1, edges])))
    t.same(
      contents.flows,
      new Map([
        [1, { ...flow(1), id: 1 }],
        [2, { ...flow(3), id: 2 }],
      ]),
    )
    t.same(contents.links, seed.links)
    t.same(contents.groups, seed.groups)
  })

  t.test('nodes are counted by id, however often they come and go', async t => {
    const { store } = await opened(t, make, seed)
    for (let id = 1; id <= 300; id++) store.putNode(state(id))
    for (let id = 1; id <= 300; id += 2) store.putNode(state(id, { connected: false }))
    await store.flush(5_000)
    t.equal(store.unwrittenCount, 0)
    t.equal(await store.countNodes(), 300)
    await store.flush(5_000)
  })

  t.test('a probe is asked for by a row, and its result is kept once', async t => {
    const { listener, store } = await opened(t, make, seed)
    const ask = { srcNodeId: 1, dstNodeId: 2, bytes: 5_000_000_000 }
    const id = await store.insertProbe(ask)
    await until(() => listener.heard.length === 1)
    t.same(listener.heard, [['probe', id, ask]])
    t.equal(await store.probeResult(id), null)
    const measure = { sent_packets: 10, received_packets: 9, latency_p50_s: 0.001, latency_p99_s: 0.002 }
    const row = { probeId: id, srcNodeId: 1, dstNodeId: 2, bandwidth_mbps: 94.5, ...measure }
    store.putProbe(row)
    store.putProbe({ ...row, probeId: 7, bandwidth_mbps: null })
    await store.flush(5_000)
    t.same(await store.probeResult(id), row)
    t.equal(await store.probeResult(7), null, 'the published table has no room for a probe without a bandwidth')
    store.putProbe(row)
    await store.flush(5_000)
    t.same(await store.probeResult(id), row)
  })

  t.test('changed rows are heard of, each with what it holds now', async t => {
    const { listener, store } = await opened(t, make, seed)
    const heard = async (...expected: Heard[]): Promise<void> => {
      await until(() => listener.heard.length >= expected.length)
      t.same(listener.heard.splice(0), expected)
    }
    const routeId = await store.insertRoute([[4, 5]])
    t.equal(routeId, 3)
    await heard(['route', 3, [[4, 5]]])
    await store.updateRoute(1, [[5, 4]])
    await heard(['route', 1, [[5, 4]]])
    await store.deleteRoute(2)
    await heard(['route', 2, null])
    const flowId = await store.insertFlow(flow(7))
    await heard(['flow', flowId, { ...flow(7), id: flowId }])
    const changed: Flow = { id: 1, srcNodeId: 9, dstNodeId: 2, spec: { transport: 'tcp', flow_len: { Duration: 3 } } }
    await store.updateFlow(changed)
    await heard(['flow', 1, changed])
    await store.deleteFlow(2)
    await heard(['flow', 2, null])
    await Promise.all([
      store.deleteRoute(99),
      store.deleteFlow(99),
      store.updateRoute(99, [[1, 2]]),
      store.updateFlow({ ...changed, id: 99 }),
    ])
    await store.deleteRoute(1)
    await heard(['route', 1, null])
    await store.setLink(3, 4, { jitter_s: 0.5, reorder_ratio: 1 })
    await heard(['link', 304, { jitter_s: 0.5, reorder_ratio: 1 }])
    await store.setLink(1, 2, {})
    await heard(['link', 102, {}])
    await store.setLink(2, 1, null)
    await heard(['link', 201, null])
    await store.setLink(9, 8, null)
    await store.setLink(3, 4, null)
    await heard(['link', 304, null])
    const toGroup = { ...flow(1), dstNodeId: 1, dstGroupId: 1, spec: { ...flow(1).spec, packet_bytes: 100 } }
    const groupFlowId = await store.insertFlow(toGroup)
    await heard(['flow', groupFlowId, { ...toGroup, id: groupFlowId }])
    const short = { ...flow(1), spec: { transport: 'tcp', flow_len: { Duration: 0.5 }, flow_rate: 0.25 } } as const
    const shortId = await store.insertFlow(short)
    await heard(['flow', shortId, { ...short, id: shortId }])
  })

  t.test('times of flows and metrics are kept, and nobody is told of them', async t => {
    const { listener, store } = await opened(t, make, seed)
    t.equal(await store.flowTimes(1), null)
    store.putFlowTimes([
      { flowId: 1, startTime: 1000, finishTime: null },
      { flowId: 99, startTime: 1, finishTime: 2 },
    ])
    await store.flush(5_000)
    t.same(await store.flowTimes(1), { flowId: 1, startTime: 1000, finishTime: null })
    // Both ends tell, in any order.
    store.putFlowTimes([{ flowId: 1, startTime: 1010, finishTime: 5_000_000_000_000 }])
    await store.flush(5_000)
    store.putFlowTimes([{ flowId: 1, startTime: 990, finishTime: 4_000_000_000_000 }])
    await store.flush(5_000)
    t.same(await store.flowTimes(1), { flowId: 1, startTime: 990, finishTime: 5_000_000_000_000 })
    t.equal(await store.flowTimes(99), null, 'there is no such flow')
    const flowId = Buffer.from('0a0000010a000002c00122b800000000', 'hex')
    const row = { flowId, localNodeId: 1, remoteNodeId: 2, bytes: 5_000_000_000, timeRead: 1_700_000_000_000 }
    store.putMetrics([row, row])
    store.putMetrics([row])
    await store.flush(5_000)
    t.equal(store.unwrittenCount, 0)
    t.equal(await store.countMetrics(), 3)
    const app = { flowId: flowId.toString('hex'), startTime: 1000, srcNodeId: 1, dstNodeId: 2 }
    const begun = { ...app, finishTime: null, routeId: null }
    store.putAppFlows([begun, { ...begun, routeId: 4 }])
    await store.flush(5_000)
    store.putAppFlows([
      { ...begun, startTime: 3000 },
      { ...begun, finishTime: 2000 },
    ])
    await store.flush(5_000)
    t.equal(await store.countAppFlows(), 2)
    await store.setLink(1, 2, null)
    await until(() => listener.heard.length > 0)
    t.same(listener.heard, [['link', 102, null]], 'what came before would have been heard before')
  })
}

async function opened(t: Teardown, make: (listener: Listener) => Store, start: Parameters<Store['open']>[0]) {
  const listener = new Listener()
  const store = make(listener)
  t.teardown(() => store.close())
  return { listener, store, contents: await store.open(start) }
}

async function sql(t: Teardown, target: object) {
  const { default: pg } = await import('pg')
  const client = new pg.Client(target)
  await client.connect()
  t.teardown(() => client.end())
  return async (text: string): Promise<unknown[]> => (await client.query(text)).rows as unknown[]
}
