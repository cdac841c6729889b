// nslab sockets: the TCP sockets of every network namespace of this machine, once.

import { type Command, InvalidArgumentError, Option } from 'commander'
import { NslabError } from '../base/errors.ts'
import { FILTER_PORTS_MAX, type SlotResult, SocketPoller } from '../dataplane/collector/poller.ts'
import { type Blind, Discovery, type FoundNetns } from '../dataplane/discovery/discovery.ts'
import { readSocketHolders, type SocketHolder } from '../lab/proc/socket-holders.ts'
import { isNativeError } from '../native/error.ts'
import type { CollectedSocket } from '../protocol/collected.ts'
import { namedStates, stateNamed } from '../protocol/socket-row.ts'
import { printable } from '../report/format.ts'
import { textTable } from '../report/table.ts'

interface Options {
  readonly state: readonly string[]
  readonly port: readonly number[]
  readonly json?: boolean
}

/** A namespace of the listing. */
interface ListedNetns {
  /** SO_NETNS_COOKIE, decimal: its identity. */
  readonly netns: string
  readonly inode: number
  readonly name: string
  readonly sockets_count: number
  /** Why some of its sockets may be missing; null: none is. */
  readonly incomplete: string | null
}

type ListedSocket = Omit<CollectedSocket, 'is' | 'poll'> & { readonly processes: readonly SocketHolder[] }

interface Listing {
  readonly namespaces: readonly ListedNetns[]
  readonly sockets: readonly ListedSocket[]
  /** What could not be looked at. */
  readonly blind: Blind | null
}

export function addSocketsCommand(program: Command): void {
  program
    .command('sockets')
    .summary('the TCP sockets of every network namespace of this machine')
    .description(
      'Lists the TCP sockets of every network namespace that can be found, once. The kernel itself chooses by state ' +
        'and port.',
    )
    .addOption(new Option('--state <state>', 'in this state alone, may be repeated').argParser(addState).default([]))
    .addOption(
      new Option('--port <port>', 'with this port at either end alone, may be repeated').argParser(addPort).default([]),
    )
    .option('--json', 'as JSON')
    .action(async (options: Options) => {
      const listing = await listSockets(options)
      process.stdout.write(options.json ? `${JSON.stringify(asJson(listing), null, 2)}\n` : describe(listing))
      for (const line of doubts(listing)) process.stderr.write(`nslab: ${line}\n`)
    })
}

function addState(word: string, before: readonly string[]): string[] {
  const state = stateNamed(word)
  if (state === undefined) throw new InvalidArgumentError(`one of ${namedStates.join(', ')}.`)
  return [...before, state]
}

function addPort(word: string, before: readonly number[]): number[] {
  const port = Number(word)
  if (!/^\d+$/.test(word) || port < 1 || port > 65_535) throw new InvalidArgumentError('a port is 1 to 65535.')
  if (before.length === FILTER_PORTS_MAX) throw new InvalidArgumentError(`at most ${FILTER_PORTS_MAX} ports.`)
  return [...before, port]
}

async function listSockets({ state, port }: Options): Promise<Listing> {
  const epochS = Date.now() / 1000 - Number(process.hrtime.bigint()) / 1e9
  const sockets: { slot: number; facts: Omit<CollectedSocket, 'is' | 'poll' | 'netns'> }[] = []
  const poller = new SocketPoller(batch => {
    for (let row = 0; row < batch.count; row++) sockets.push({ slot: batch.slot(row), facts: batch.facts(row, epochS) })
    batch.release()
  })
  try {
    poller.setFilter({ states: state, ports: port })
    const { bySlot, blind } = await takeAll(poller)
    const results = await poller.poll(0)
    const holders = readSocketHolders()
    return {
      namespaces: results.map(result => listed(result, bySlot.get(result.slot))),
      sockets: sockets.map(({ slot, facts }) => ({
        netns: bySlot.get(slot)?.cookie ?? '',
        ...facts,
        processes: holders.get(facts.inode) ?? [],
      })),
      blind,
    }
  } finally {
    await poller.close()
  }
}

/** Takes every namespace into the poller. One that may not be entered is an error: else nobody would miss it. */
async function takeAll(poller: SocketPoller): Promise<{ bySlot: Map<number, FoundNetns>; blind: Blind | null }> {
  const bySlot = new Map<number, FoundNetns>()
  const taking: Promise<unknown>[] = []
  let blind: Blind | null = null
  const take = async (found: FoundNetns): Promise<void> => {
    try {
      bySlot.set((await poller.add(found.netns.fd)).slot, found)
    } catch (error) {
      throw refusalOf(error, nameOf(found))
    }
  }
  const discovery = new Discovery({
    onFound: found => taking.push(take(found)),
    onGone: () => {},
    onBlind: seen => {
      blind = seen
    },
  })
  try {
    await discovery.start()
  } catch (error) {
    throw refusalOf(error, 'the namespaces of this machine')
  } finally {
    // add() has a descriptor of its own, so discovery may close its own.
    await discovery.stop()
  }
  await Promise.all(taking)
  return { bySlot, blind }
}

/** What people know it by. */
const nameOf = ({ name, foundBy, inode }: FoundNetns): string =>
  name ?? (foundBy === 'self' ? 'own' : `net:[${inode}] (${foundBy})`)

function refusalOf(error: unknown, name: string): unknown {
  if (!isNativeError(error)) return error
  const { code, operation, reason } = error
  if (code !== 'EPERM') return new NslabError('KERNEL_REFUSED', { operation, where: name, errno: code, reason })
  const facts = { what: `entering ${name}`, capability: 'CAP_SYS_ADMIN', reason }
  return new NslabError('CAPABILITY_MISSING', facts, { cause: error })
}

function listed({ slot, rowsCount, incomplete }: SlotResult, found: FoundNetns | undefined): ListedNetns {
  if (found === undefined) throw new Error(`slot ${slot} was not asked for`)
  return { netns: found.cookie, inode: found.inode, name: nameOf(found), sockets_count: rowsCount, incomplete }
}

const asJson = ({ namespaces, sockets, blind }: Listing): object => ({
  schema: 'nslab.sockets/1',
  namespaces,
  sockets,
  unreadable_processes_count: blind?.unreadableProcesses ?? 0,
  unopened_namespaces_count: blind?.unopened ?? 0,
  unresolved_sockets_count: blind?.unresolvedSockets ?? 0,
  hidden_mounts_count: blind?.hiddenMounts ?? 0,
  unseen_namespaces_count: blind?.unseen ?? null,
  blind_kinds: blind?.kinds ?? [],
})

const HEAD = [
  'NETNS',
  'COOKIE',
  'STATE',
  'RECV-Q',
  'SEND-Q',
  'LOCAL',
  'PEER',
  'PROCESS',
  'UID',
  'RTT',
  'CWND',
  'RETRANS',
  'CONG',
]

/** A table a namespace that has sockets, with its name above. */
function describe({ namespaces, sockets }: Listing): string {
  const names = new Map(namespaces.map(({ netns, name }) => [netns, name]))
  const rows = [...sockets]
    .sort((a, b) => (names.get(a.netns) ?? '').localeCompare(names.get(b.netns) ?? '') || a.src_port - b.src_port)
    .map(socket => [
      printable(names.get(socket.netns) ?? ''),
      socket.netns,
      socket.state,
      String(socket.receive_queue_bytes),
      String(socket.send_queue_bytes),
      endpoint(socket.src, socket.src_port),
      endpoint(socket.dst, socket.dst_port),
      printable(socket.processes.map(({ name, pid }) => `${name},${pid}`).join(' ')) || '-',
      String(socket.uid),
      socket.tcp === null ? '-' : `${(socket.tcp.rtt_s * 1000).toFixed(3)} ms`,
      socket.tcp === null ? '-' : String(socket.tcp.congestion_window_count),
      socket.tcp === null ? '-' : String(socket.tcp.retransmits_count),
      socket.congestion ?? '-',
    ])
  const total = `${sockets.length} sockets in ${namespaces.length} network namespaces`
  if (rows.length === 0) return `${total}\n`
  return `${textTable({ head: HEAD, rows, right: [1, 3, 4, 8, 9, 10, 11] }).join('\n')}\n\n${total}\n`
}

const endpoint = (address: string, port: number): string =>
  `${address.includes(':') ? `[${address}]` : address}:${port === 0 ? '*' : port}`

/** What the listing may lack. */
function doubts({ namespaces, blind }: Listing): string[] {
  const cut = namespaces.filter(({ incomplete }) => incomplete !== null)
  const { unreadableProcesses = 0, unopened = 0, unopenedReason = null, kinds = [] } = blind ?? {}
  const { unresolvedSockets = 0, hiddenMounts = 0, unseen = 0 } = blind ?? {}
  return [
    ...cut.map(({ name, incomplete }) => `sockets of ${printable(name)} may be missing: ${incomplete}`),
    ...(unreadableProcesses === 0
      ? []
      : [`${unreadableProcesses} processes can't be read: their namespaces may be missing`]),
    ...(unopened === 0 ? [] : [`${unopened} namespaces can't be opened (${unopenedReason}): they are missing`]),
    ...(unresolvedSockets === 0
      ? []
      : [`the namespaces of ${unresolvedSockets} sockets can't be asked for: they may be missing`]),
    ...(hiddenMounts === 0 ? [] : [`${hiddenMounts} namespaces are mounted under other mounts: they may be missing`]),
    ...(unseen ? [`the kernel lists ${unseen} more namespaces, which nothing shows: they are missing`] : []),
    ...(kinds.length === 0 ? [] : [`namespaces held by nothing but a ${kinds.join(', ')} can't be found here`]),
  ]
}
