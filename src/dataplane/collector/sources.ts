// Discovery and the native poller as the collector sees them.

import { Discovery } from '../discovery/discovery.ts'
import type { Discovering, DiscoveryHandlers, OnRows, Polling, RowGroup, SlotOutcome } from './parts.ts'
import { type SocketBatch, SocketPoller } from './poller.ts'

/** Netlink sockets in namespaces that discovery finds are opened by the same poller that dumps them. */
export class NativePolling implements Polling {
  readonly #poller: SocketPoller

  constructor(onRows: OnRows) {
    this.#poller = new SocketPoller(batch => deliver(batch, onRows))
  }

  /** Resolves with its number. Rejects with the addon's error. */
  async open(fd: number, cookie: bigint): Promise<number> {
    return (await this.#poller.add(fd, cookie === 0n ? undefined : cookie)).slot
  }

  setFilter(filter: Parameters<SocketPoller['setFilter']>[0]): void {
    this.#poller.setFilter(filter)
  }

  async poll(number: number, slots?: readonly number[]): Promise<readonly SlotOutcome[]> {
    const results = await this.#poller.poll(number, slots)
    return results
      .filter(({ incomplete }) => incomplete !== 'removed')
      .map(({ slot, rowsCount, repeatedCount, incomplete }) => ({
        slot,
        rows: rowsCount,
        repeated: repeatedCount,
        incomplete,
      }))
  }

  remove(slot: number): void {
    this.#poller.remove(slot)
  }

  close(): Promise<void> {
    return this.#poller.close()
  }
}

/** Hands a batch over, a group at a time, and gives it back when there is room for more. */
function deliver(batch: SocketBatch, onRows: OnRows): void {
  const rooms: Promise<void>[] = []
  for (const group of groupsOf(batch)) {
    const room = onRows(group)
    if (room !== null) rooms.push(room)
  }
  if (rooms.length === 0) batch.release()
  else void Promise.all(rooms).then(() => batch.release())
}

/** Rows of one namespace that the kernel told of in the same answer. */
function* groupsOf(batch: SocketBatch): Generator<RowGroup> {
  for (let from = 0, to = 0; from < batch.count; from = to) {
    const [poll, slot, seenS] = [batch.poll(from), batch.slot(from), batch.seenS(from)]
    const rows: RowGroup['rows'][number][] = []
    for (; to < batch.count && batch.slot(to) === slot && batch.seenS(to) === seenS && batch.poll(to) === poll; to++)
      rows.push(batch.facts(to, 0))
    yield { poll, slot, seenS, rows }
  }
}

export interface DiscoveryOptions {
  readonly directories: readonly string[]
  readonly intervalMs: number
  readonly poller: NativePolling
}

/** Starts looking for namespaces; resolves when those that are there have been found. */
export async function startDiscovery(options: DiscoveryOptions, handlers: DiscoveryHandlers): Promise<Discovering> {
  const { directories, intervalMs, poller } = options
  const discovery = new Discovery({
    directories,
    intervalMs,
    onFound: ({ netns, ...found }) =>
      handlers.onFound({ ...found, open: () => poller.open(netns.fd, netns.identity.cookie) }),
    onGone: handlers.onGone,
    onBlind: ({ largeApartMs, ...blind }) => handlers.onBlind({ ...blind, largeApartS: largeApartMs / 1e3 }),
  })
  await discovery.start()
  return { close: () => discovery.stop() }
}
