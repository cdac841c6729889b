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
} as const

tap.test('memory', async t => suite(t, () => Promise.resolve((listener: Listener) => new MemoryStore(listener))))

tap.test('postgres', { skip: skipReason }, async t => {
  const { server } = privatePostgres(t)
  await server.start()
  const { target } = server
  const make = (listener: Listener) => new PostgresStore({ target, listener, flowTransport: 'tcp' })
  await suite(t, () => Promise.resolve(make))

  t.test('rows that make no sense are left out with a warning, and live changes by SQL are heard', async t => {
    const { listener, store } = await opened(t, make, { reset: true, routes: [], flows: [] })
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
    await pg('TRUNCATE routes')
    await until(() => listener.contents.length === 2)
    t.same(listener.contents[1]?.routes, new Map())
    t.equal(store.unwrittenCount, 0)
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
