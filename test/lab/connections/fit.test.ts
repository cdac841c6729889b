// How many connections fit: every limit, what "max" is lowered to, and what is refused.

import t from 'tap'
import { type ConnectionsConfig, parseConnections } from '../../../src/config/connections.ts'
import {
  CONNECTION_BYTES,
  type ConnectionLimits,
  descriptorsOf,
  fitConnections,
  PER_LISTENER,
} from '../../../src/lab/connections/fit.ts'
import { figuresOf, readMemory } from '../../../src/lab/connections/load.ts'

const limits: ConnectionLimits = {
  open_files_max: 20_000,
  machine_files_left: Number.POSITIVE_INFINITY,
  memory_available_bytes: 16e9,
  net_namespaces_max: 100_000,
  tasks_available: 10_000,
  epoll_watches_max: 4_000_000,
  cpus_count: 2,
}
const config: ConnectionsConfig = { count: 1000, namespaces: 10, layout: 'loopback', ratePerS: null }

t.test('a process a core, and more where descriptors ask for them', async t => {
  const workers = (count: number, some: Partial<ConnectionLimits> = {}): number | undefined =>
    fitConnections({ ...config, count }, { ...limits, ...some }).layout?.workers
  t.equal(workers(1), 1)
  t.equal(workers(1000), 2)
  t.equal(workers(1000, { cpus_count: 64 }), 2, 'none for a handful of connections')
  t.equal(workers(1_000_000), 101, 'two descriptors a connection, 20,000 a process')
  t.equal(workers(1_000_000, { open_files_max: 1_048_576 }), 2, 'where a root may raise the limit')
  for (const count of [9_000, 9_960, 9_990, 50_000, 123_457])
    for (const namespaces of [1, 7, 100, 1000]) {
      const { layout } = fitConnections({ ...config, count, namespaces }, limits)
      t.ok(layout !== null && layout.descriptors_count <= limits.open_files_max, `${count} over ${namespaces}`)
      const fewer = (layout?.workers ?? 0) - 1
      if (fewer >= limits.cpus_count)
        t.ok(descriptorsOf({ ...config, namespaces }, count, fewer) > limits.open_files_max, 'one less does not do')
    }
})

t.test('"max" is what the least limit allows, and says which that is', async t => {
  const max = (some: Partial<ConnectionLimits>, own: Partial<ConnectionsConfig> = {}) => {
    const { layout, problems } = fitConnections({ ...config, ...own, count: 'max' }, { ...limits, ...some })
    t.same(problems, [])
    return { count: layout?.count ?? 0, limit: layout?.limits[0]?.limit }
  }
  const memory = max({})
  t.equal(memory.limit, 'memory')
  t.ok(memory.count > 1_300_000 && memory.count < (16e9 * 0.9) / CONNECTION_BYTES)
  t.match(max({ epoll_watches_max: 5000 }), { count: 5000, limit: 'epoll_watches' })
  t.match(max({ machine_files_left: 20_001 }), { count: 10_000, limit: 'machine_files' })
  const processes = max({ tasks_available: 35 }, { namespaces: 9 })
  t.equal(processes.limit, 'open_files_and_tasks')
  t.ok(processes.count > 29_000 && processes.count <= 30_000, `three processes: ${processes.count}`)
  const ports = max({ memory_available_bytes: 1e15, tasks_available: 1e6, epoll_watches_max: 1e12 }, { namespaces: 1 })
  t.same(ports, { count: 2048 * PER_LISTENER, limit: 'ports' })
})

t.test('what does not fit is refused, each limit with its remedy', async t => {
  const refused = (own: Partial<ConnectionsConfig>, some: Partial<ConnectionLimits> = {}) => {
    const { layout, problems } = fitConnections({ ...config, ...own }, { ...limits, ...some })
    t.equal(layout, null)
    for (const { remedy } of problems) t.ok(remedy)
    return problems.map(({ limit }) => limit)
  }
  t.same(refused({ count: 5_000_000 }), ['memory', 'epoll_watches'])
  t.same(refused({ namespaces: 30_000 }), ['open_files'])
  t.same(refused({ namespaces: 1000 }, { net_namespaces_max: 500 }), ['net_namespaces'])
  t.same(refused({ count: 'max' }, { memory_available_bytes: 1e6 }), ['memory'])
  t.same(refused({ count: 50_000 }, { tasks_available: 34 }), ['open_files_and_tasks'])
})

t.test('the section says what is wrong with it', async t => {
  t.same(parseConnections({}), { count: 'max', namespaces: 100, layout: 'loopback', ratePerS: null })
  const wrong = [
    { count: 0 },
    { count: 'all' },
    { layout: 'star' },
    { layout: 'pairs', namespaces: 3 },
    { rate_per_s: 0 },
  ]
  for (const table of wrong) t.throws(() => parseConnections(table), { code: 'CONFIG_INVALID' }, JSON.stringify(table))
  t.throws(() => parseConnections({ number: 3 }), /number = 3: unknown key|number: unknown key/)
})

t.test('the figures take the least that anybody says, and tell how far they are apart', async t => {
  const { layout } = fitConnections(config, limits)
  if (layout === null) throw new Error('it fits')
  const count = {
    connected: 1000,
    accepted: 1000,
    lost: 0,
    established_sockets: 2000,
    established_counter: 2000,
    time_wait_sockets: 0,
    time_wait_counter: 0,
    time_wait_overflow: 0,
  }
  const reading = { used_bytes: 1e9, slab_bytes: 1e8, available_bytes: 1e9 }
  const memory = { before: reading, open: { ...reading, used_bytes: 1.012e9, slab_bytes: 1.09e8 } }
  const open = { took_s: 0.5, connected: 1000, accepted: 1000, failed: 0, failures: [] }
  const of = (held: Partial<typeof count>) =>
    figuresOf(layout, open, 1000, { before: count, open: count, held: { ...count, ...held }, closed: count }, memory)
  t.match(of({}), {
    connections_count: 1000,
    connections_disagreeing_count: 0,
    connections_per_s: 2000,
    connection_bytes: 12_000,
    kernel_connection_bytes: 9000,
  })
  t.match(of({ established_sockets: 1980 }), { connections_count: 990, connections_disagreeing_count: 10 })
  t.match(of({ established_counter: 0 }), { connections_count: 0, connections_disagreeing_count: 1000 })
  t.match(of({ lost: 3, established_sockets: 1994, established_counter: 1994 }), {
    connections_count: 997,
    connections_disagreeing_count: 0,
  })
  const nothing = { ...count, connected: 0, accepted: 0, established_sockets: 0, established_counter: 0 }
  const none = figuresOf(layout, open, 0, { before: count, open: nothing, held: nothing, closed: nothing }, memory)
  t.match(none, { connections_count: 0, connection_bytes: null }, 'bytes of nothing are not known')
})

t.test('memory in use is what is neither free nor page cache', async t => {
  const text =
    'MemTotal: 100 kB\nMemFree: 40 kB\nMemAvailable: 70 kB\nBuffers: 5 kB\nCached: 20 kB\nShmem: 2 kB\nSlab: 9 kB\n'
  t.same(readMemory(text), { used_bytes: 37 * 1024, slab_bytes: 9 * 1024, available_bytes: 70 * 1024 })
})
