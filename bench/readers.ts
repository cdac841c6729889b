// Threads, memory and time of polling many namespaces: a thread parked in each with blocking readers beside it, and
// nslab's poller, which has one thread for all; each a process of its own, on the same sockets, in turn.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { fitConnections } from '../src/lab/connections/fit.ts'
import { readConnectionLimits } from '../src/lab/connections/limits.ts'
import { ConnectionLoader } from '../src/lab/connections/loader.ts'
import { processCost } from '../src/lab/site/measure.ts'
import { native } from '../src/native/addon.ts'
import { type BenchOptions, type Result, type Row, type Spread, spreadOf } from './figures.ts'

/** Of a namespace: with both ends of each that is a hundred sockets, and one listens. */
const CONNECTIONS_PER_NAMESPACE = 50
/** Blocking readers of a namespace: what such a collector comes with. */
const READERS = 4
const readersProgram = fileURLToPath(new URL('../native/build/Release/nslab-readers', import.meta.url))
const CLEANUP_LIMIT_MS = 120_000

/** nslab's poller alone in a Node process; the same lines as native/readers/main.cc. */
const pollerScript = `
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
const { SocketPoller } = await import(process.argv[1])
let rows = 0
const poller = new SocketPoller(batch => {
  rows += batch.count
  batch.release()
})
let first = true
for await (const line of createInterface({ input: process.stdin })) {
  if (first) {
    first = false
    const paths = line.split(' ')
    for (const path of paths) {
      const fd = openSync(path, 'r')
      await poller.add(fd)
      closeSync(fd)
    }
    console.log(JSON.stringify({ namespaces: paths.length }))
    continue
  }
  rows = 0
  const began = process.hrtime.bigint()
  const results = await poller.poll(0)
  const seconds = Number(process.hrtime.bigint() - began) / 1e9
  if (results.some(({ incomplete }) => incomplete !== null)) throw new Error('a dump was incomplete')
  console.log(JSON.stringify({ seconds, rows }))
}
await poller.close()
`

export interface Poll {
  readonly seconds: number
  readonly rows: number
  /** Reads that the kernel refused because another reader had ended the dump. Sum since the start. */
  readonly quarrels?: number
}

/** A program that polls when it is told to. */
export class Polling {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: AsyncIterator<string>

  constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** `readers` blocking readers and a parked thread a namespace. */
  static threads(readers: number): Polling {
    return new Polling(readersProgram, ['--readers', String(readers)])
  }

  static ours(): Polling {
    const poller = new URL('../dist/dataplane/collector/poller.js', import.meta.url)
    return new Polling(process.execPath, ['--input-type=module', '--eval', pollerScript, poller.href])
  }

  async begin(paths: readonly string[]): Promise<void> {
    this.#child.stdin.write(`${paths.join(' ')}\n`)
    await this.#next()
  }

  poll(): Promise<Poll> {
    this.#child.stdin.write('poll\n')
    return this.#next<Poll>()
  }

  /** Threads and resident memory, now. */
  cost(): { readonly rssBytes: number; readonly threads: number } {
    return processCost(this.#child.pid as number)
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.stdin.end()
    await ended
  }

  async #next<T>(): Promise<T> {
    const line = await this.#lines.next()
    if (line.done) throw new Error('a polling program ended early')
    return JSON.parse(line.value) as T
  }
}

/** Namespaces with connections; paths of them. */
export async function makeNamespaces(namespaces: number, connections: number) {
  const config = { count: namespaces * connections, namespaces, layout: 'loopback', ratePerS: null } as const
  const { layout, problems } = fitConnections(config, await readConnectionLimits())
  if (layout === null) throw new Error(`readers: ${JSON.stringify(problems)}`)
  const loader = new ConnectionLoader(layout, () => {})
  await loader.ready
  const { failed } = await loader.ask('open')
  if (failed > 0) throw new Error(`readers: ${failed} connections were not to be had`)
  const folder = `/proc/${loader.pid}/fd`
  const own = readlinkSync('/proc/self/ns/net')
  const isMade = (target: string): boolean => target.startsWith('net:') && target !== own
  const paths = readdirSync(folder)
    .map(fd => `${folder}/${fd}`)
    .filter(path => isMade(readlinkSync(path)))
  return { paths: paths.slice(-namespaces), loader }
}

interface Figures {
  readonly threads: number
  readonly rss_bytes: number
  readonly poll_s: Spread
}

interface Measured {
  readonly namespaces: number
  readonly sockets: number
  readonly readers: Figures
  readonly ours: Figures
  /** Reads refused to readers because another had ended the dump, over all polls. */
  readonly quarrels: number
}

async function measure(namespaces: number, rounds: number): Promise<Measured> {
  const { paths, loader } = await makeNamespaces(namespaces, CONNECTIONS_PER_NAMESPACE)
  const programs = { readers: Polling.threads(READERS), ours: Polling.ours() }
  const times = { readers: [] as number[], ours: [] as number[] }
  let sockets = 0
  let quarrelsCount = 0
  try {
    for (const program of Object.values(programs)) {
      await program.begin(paths)
      // The first poll finds buffers and code cold.
      sockets = (await program.poll()).rows
    }
    for (let round = 1; round <= rounds; round++) {
      process.stderr.write(`bench: round ${round} of ${rounds}, ${namespaces} namespaces\n`)
      for (const [name, program] of Object.entries(programs) as [keyof typeof programs, Polling][]) {
        const { seconds, rows, quarrels = quarrelsCount } = await program.poll()
        quarrelsCount = quarrels
        if (rows !== sockets) throw new Error(`readers: ${rows} rows of ${name}, ${sockets} before`)
        times[name].push(seconds)
      }
    }
    const figures = (name: keyof typeof programs): Figures => {
      const { threads, rssBytes } = programs[name].cost()
      return { threads, rss_bytes: rssBytes, poll_s: spreadOf(times[name]) }
    }
    return { namespaces, sockets, readers: figures('readers'), ours: figures('ours'), quarrels: quarrelsCount }
  } finally {
    for (const program of Object.values(programs)) await program.end()
    await loader.stop()
    await native.awaitNetnsCleanup(CLEANUP_LIMIT_MS)
  }
}

export async function benchReaders(options: BenchOptions): Promise<Result> {
  const measured: Measured[] = []
  for (const namespaces of options.nodes) measured.push(await measure(namespaces, options.rounds))
  const rows: Row[] = measured.map(({ namespaces, sockets, readers, ours }) => ({
    namespaces,
    sockets,
    readers_threads: readers.threads,
    ours_threads: ours.threads,
    readers_mb: readers.rss_bytes / 1e6,
    ours_mb: ours.rss_bytes / 1e6,
    readers_poll_s: readers.poll_s.median,
    ours_poll_s: ours.poll_s.median,
  }))
  const notes = [
    `readers: a thread parked in each namespace and ${READERS} blocking readers beside it, in C++, counting messages only.`,
    "ours: nslab's poller in a Node process, rows decoded to fixed records; memory includes Node's own.",
    ...measured.map(
      ({ namespaces, quarrels }) =>
        `${namespaces} namespaces: ${quarrels} reads were refused (EINVAL) because another reader had ended the dump`,
    ),
  ]
  return { bench: 'readers', columns: Object.keys(rows[0] ?? {}), rows, data: { sizes: measured }, notes }
}
