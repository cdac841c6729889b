// nslab sockets: the TCP sockets of every network namespace of this machine, once.

import { closeSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { NslabError } from '../base/errors.ts'
import { FILTER_PORTS_MAX, type SlotResult, SocketPoller } from '../dataplane/collector/poller.ts'
import { openMachineNetns } from '../lab/machine-netns.ts'
import { readSocketHolders, type SocketHolder } from '../lab/socket-holders.ts'
import { isNativeError } from '../native-error.ts'
import type { CollectedSocket } from '../protocol/collected.ts'
import { namedStates } from '../protocol/socket-row.ts'
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
  readonly unreadable_processes_count: number
}

export function addSocketsCommand(program: Command): void {
  program
    .command('sockets')
    .summary('the TCP sockets of every network namespace of this machine')
    .description(
      'Lists the TCP sockets of every network namespace that something in /proc names, once. The kernel itself chooses ' +
        'by state and port.',
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

/** Accepts the kernel's names and those of ss: TIME_WAIT, time-wait; and its listening for LISTEN. */
function addState(word: string, before: readonly string[]): string[] {
  const name = word.toUpperCase().replaceAll('-', '_')
  const state = { LISTENING: 'LISTEN', CLOSED: 'CLOSE', FIN_WAIT_1: 'FIN_WAIT1', FIN_WAIT_2: 'FIN_WAIT2' }[name] ?? name
  if (!namedStates.includes(state)) throw new InvalidArgumentError(`one of ${namedStates.join(', ')}.`)
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
  const found: { slot: number; facts: Omit<CollectedSocket, 'is' | 'poll' | 'netns'> }[] = []
  const poller = new SocketPoller(batch => {
    for (let row = 0; row < batch.count; row++) found.push({ slot: batch.slot(row), facts: batch.facts(row, epochS) })
    batch.release()
  })
  try {
    poller.setFilter({ states: state, ports: port })
    const taken = await takeAll(poller)
    const results = await poller.poll(0)
    const holders = readSocketHolders()
    return {
      namespaces: results.map(result => listed(result, taken.bySlot)),
      sockets: found.map(({ slot, facts }) => ({
        netns: taken.bySlot.get(slot)?.netns ?? '',
        ...facts,
        processes: holders.get(facts.inode) ?? [],
      })),
      unreadable_processes_count: taken.unreadableCount,
    }
  } finally {
    await poller.close()
  }
}

type Taken = Pick<ListedNetns, 'netns' | 'inode' | 'name'>

/** Takes every namespace into the poller. One that may not be entered is an error: else nobody would miss it. */
async function takeAll(poller: SocketPoller): Promise<{ bySlot: Map<number, Taken>; unreadableCount: number }> {
  const bySlot = new Map<number, Taken>()
  const namespaces = openMachineNetns()
  for (let next = namespaces.next(); ; next = namespaces.next()) {
    if (next.done) return { bySlot, unreadableCount: next.value }
    const { fd, name } = next.value
    try {
      const { slot, identity } = await poller.add(fd)
      bySlot.set(slot, { netns: identity.cookie.toString(), inode: Number(identity.inode), name })
    } catch (error) {
      throw refusalOf(error, name)
    } finally {
      closeSync(fd)
    }
  }
}

function refusalOf(error: unknown, name: string): unknown {
  if (!isNativeError(error)) return error
  const { code, operation, reason } = error
  if (code !== 'EPERM') return new NslabError('KERNEL_REFUSED', { operation, where: name, errno: code, reason })
  const facts = { what: `entering ${name}`, capability: 'CAP_SYS_ADMIN', reason }
  return new NslabError('CAPABILITY_MISSING', facts, { cause: error })
}

function listed({ slot, rowsCount, incomplete }: SlotResult, bySlot: ReadonlyMap<number, Taken>): ListedNetns {
  const { netns = '', inode = 0, name = '' } = bySlot.get(slot) ?? {}
  return { netns, inode, name, sockets_count: rowsCount, incomplete }
}

const asJson = (listing: Listing): object => ({ schema: 'nslab.sockets/1', ...listing })

const HEAD = ['NETNS', 'STATE', 'RECV-Q', 'SEND-Q', 'LOCAL', 'PEER', 'PROCESS', 'UID', 'RTT', 'CWND', 'RETRANS', 'CONG']

/** A table a namespace that has sockets, with its name above. */
function describe({ namespaces, sockets }: Listing): string {
  const names = new Map(namespaces.map(({ netns, name }) => [netns, name]))
  const rows = [...sockets]
    .sort((a, b) => (names.get(a.netns) ?? '').localeCompare(names.get(b.netns) ?? '') || a.src_port - b.src_port)
    .map(socket => [
      names.get(socket.netns) ?? '',
      socket.state,
      String(socket.receive_queue_bytes),
      String(socket.send_queue_bytes),
      endpoint(socket.src, socket.src_port),
      endpoint(socket.dst, socket.dst_port),
      socket.processes.map(({ name, pid }) => `${name},${pid}`).join(' ') || '-',
      String(socket.uid),
      socket.tcp === null ? '-' : `${(socket.tcp.rtt_s * 1000).toFixed(3)} ms`,
      socket.tcp === null ? '-' : String(socket.tcp.congestion_window_count),
      socket.tcp === null ? '-' : String(socket.tcp.retransmits_count),
      socket.congestion ?? '-',
    ])
  const total = `${sockets.length} sockets in ${namespaces.length} network namespaces`
  if (rows.length === 0) return `${total}\n`
  return `${textTable({ head: HEAD, rows, right: [2, 3, 7, 8, 9, 10] }).join('\n')}\n\n${total}\n`
}

const endpoint = (address: string, port: number): string =>
  `${address.includes(':') ? `[${address}]` : address}:${port === 0 ? '*' : port}`

/** What the listing may lack. */
function doubts({ namespaces, unreadable_processes_count: unreadable }: Listing): string[] {
  const cut = namespaces.filter(({ incomplete }) => incomplete !== null)
  return [
    ...cut.map(({ name, incomplete }) => `sockets of ${name} may be missing: ${incomplete}`),
    ...(unreadable === 0 ? [] : [`${unreadable} processes can't be read: their namespaces may be missing`]),
  ]
}
