// Polling the sockets of many namespaces: our poller beside the kernel's own work, on the same sockets, in turn; and
// beside ss run in each namespace.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type SocketBatch, SocketPoller } from '../src/dataplane/collector/poller.ts'
import { native } from '../src/native/addon.ts'
import { type BenchOptions, type Result, type Row, type Spread, spreadOf } from './figures.ts'
import { compiled } from './program.ts'

const SOCKETS_PER_NAMESPACE = 100
/** Each takes some ms to start; more of them say no more. */
const SS_NAMESPACES = 50
const CLEANUP_LIMIT_MS = 120_000

/**
 * Where the kernel has a namespace's connections: in the machine's one table, which every dump walks from end to end
 * whoever's they are, or in one of its own (net.ipv4.tcp_child_ehash_entries of the namespace that it was made in).
 */
type Table = 'shared' | 'own'
const OWN_TABLE_PLACES = 1024

interface FloorDump {
  readonly seconds: number
  readonly rows: number
}

/** The namespaces with their sockets, in processes that end with this object. */
interface Site {
  /** Descriptors of the namespaces, as paths. */
  readonly paths: readonly string[]
  dump(how: 'both' | 'apart'): Promise<FloorDump>
  end(): Promise<void>
}

async function makeSite(namespacesCount: number, table: Table): Promise<Site> {
  const words = ['--namespaces', String(namespacesCount), '--sockets', String(SOCKETS_PER_NAMESPACE)]
  if (table === 'own') words.push('--table', String(OWN_TABLE_PLACES))
  const child = spawn(await compiled('collect'), words, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async <T>(): Promise<T> => {
    const line = await lines.next()
    if (line.done) throw new Error('the floor program ended early')
    return JSON.parse(line.value) as T
  }
  const { pid, namespaces } = await next<{ pid: number; namespaces: number[] }>()
  return {
    paths: namespaces.map(fd => `/proc/${pid}/fd/${fd}`),
    dump: how => {
      child.stdin.write(`${how}\n`)
      return next<FloorDump>()
    },
    end: async () => {
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
      await native.awaitNetnsCleanup(CLEANUP_LIMIT_MS)
    },
  }
}

/** Our poller on the site's namespaces. */
async function makePoller(site: Site, onRows: (batch: SocketBatch) => void): Promise<SocketPoller> {
  const poller = new SocketPoller(batch => {
    onRows(batch)
    batch.release()
  })
  for (const path of site.paths) {
    const fd = openSync(path, 'r')
    await poller.add(fd)
    closeSync(fd)
  }
  return poller
}

interface Measured {
  readonly namespaces: number
  readonly table: Table
  readonly sockets: number
  readonly floor: Spread
  readonly ours: Spread
  /** Ours by the floor measured right before it, round by round. */
  readonly ratio: Spread
  /** With every fact of every row made a value of JavaScript. */
  readonly decoded: Spread
  /** The floor with a dump for each family. */
  readonly apart: Spread
  /** One ss in one namespace, its start included. */
  readonly ss_per_namespace: Spread
}

async function measure(namespacesCount: number, table: Table, roundsCount: number): Promise<Measured> {
  const site = await makeSite(namespacesCount, table)
  let rows = 0
  let decode = false
  let sum = 0
  const poller = await makePoller(site, batch => {
    rows += batch.count
    if (decode) for (let row = 0; row < batch.count; row++) sum += batch.facts(row, 0).src_port
  })
  const polled = async (decoding: boolean): Promise<number> => {
    rows = 0
    decode = decoding
    const started = process.hrtime.bigint()
    const results = await poller.poll(0)
    const seconds = Number(process.hrtime.bigint() - started) / 1e9
    const whole = results.filter(result => result.incomplete === null).length
    if (whole < namespacesCount) throw new Error(`collect: ${namespacesCount - whole} dumps were incomplete`)
    return seconds
  }
  const times = {
    floor: [] as number[],
    ours: [] as number[],
    ratio: [] as number[],
    decoded: [] as number[],
    apart: [] as number[],
    ss: [] as number[],
  }
  try {
    // The kernel's pages become as large as the buffers once those are known to it.
    await site.dump('both')
    await polled(true)
    for (let round = 1; round <= roundsCount; round++) {
      process.stderr.write(`bench: round ${round} of ${roundsCount}, ${namespacesCount} namespaces, ${table} table\n`)
      const floor = await site.dump('both')
      const ours = await polled(false)
      if (rows !== floor.rows) throw new Error(`collect: ${rows} rows, the floor has ${floor.rows}`)
      times.floor.push(floor.seconds)
      times.ours.push(ours)
      times.ratio.push(ours / floor.seconds)
      times.decoded.push(await polled(true))
      times.apart.push((await site.dump('apart')).seconds)
      times.ss.push(runSs(site.paths.slice(0, SS_NAMESPACES)))
    }
    if (sum === 0) throw new Error('collect: no port was read')
  } finally {
    await poller.close()
    await site.end()
  }
  return {
    namespaces: namespacesCount,
    table,
    sockets: rows,
    floor: spreadOf(times.floor),
    ours: spreadOf(times.ours),
    ratio: spreadOf(times.ratio),
    decoded: spreadOf(times.decoded),
    apart: spreadOf(times.apart),
    ss_per_namespace: spreadOf(times.ss),
  }
}

/** Seconds that ss takes for one namespace, on average. */
function runSs(paths: readonly string[]): number {
  const started = process.hrtime.bigint()
  for (const path of paths) execFileSync('nsenter', [`--net=${path}`, 'ss', '-tianmH'], { stdio: 'ignore' })
  return Number(process.hrtime.bigint() - started) / 1e9 / paths.length
}

export async function benchCollect(options: BenchOptions): Promise<Result> {
  const measured: Measured[] = []
  for (const table of ['shared', 'own'] as const)
    for (const namespaces of options.nodes) measured.push(await measure(namespaces, table, options.rounds))
  const rows = measured.map(
    (of): Row => ({
      namespaces: of.namespaces,
      table: of.table,
      sockets: of.sockets,
      floor_s: of.floor.median,
      ours_s: of.ours.median,
      ratio: of.ratio.median,
      decoded_s: of.decoded.median,
      socket_us: (of.ours.median / of.sockets) * 1e6,
      netns_ms: (of.ours.median / of.namespaces) * 1e3,
      floor_apart_s: of.apart.median,
      ss_s: of.ss_per_namespace.median * of.namespaces,
    }),
  )
  const range = ({ min, max }: Spread, digits: number): string => `${min.toFixed(digits)} to ${max.toFixed(digits)}`
  const notes = measured.map(
    ({ namespaces, table, ratio, floor, ours }) =>
      `${namespaces} namespaces, ${table} table, ${ratio.rounds_count} rounds: ratio ${range(ratio, 2)}; ` +
      `floor ${range(floor, 3)} s, ours ${range(ours, 3)} s`,
  )
  notes.push(
    'table: shared, the machine’s one, which each dump walks whole; own, each namespace has one of ' +
      `${OWN_TABLE_PLACES} places (net.ipv4.tcp_child_ehash_entries)`,
    'decoded_s: every row made an object of JavaScript. floor_apart_s: a dump for each family.',
    `ss_s: ss run in ${SS_NAMESPACES} of the namespaces, one by one, times all.`,
  )
  return { bench: 'collect', columns: Object.keys(rows[0] ?? {}), rows, data: { sizes: measured }, notes }
}
