// The collector's tables (src/dataplane/collector/postgres-schema.ts), read back as the lines that went into them.

import type pg from 'pg'
import type { CollectedLine, FoundBy } from '../../protocol/collected.ts'

/** What was stored in one transaction. */
export interface Batch {
  readonly run: number
  readonly batch: number
}

interface Row extends Batch {
  readonly mono_s: number
  readonly netns: string
}

/** Batches stored after `last`, in their order. */
export async function readBatches(client: pg.Client, last: Batch): Promise<readonly Batch[]> {
  const { rows } = await client.query<{ run: number; batch: string }>(
    'SELECT run, batch FROM collect_batches WHERE (run, batch) > ($1, $2) ORDER BY run, batch',
    [last.run, last.batch],
  )
  return rows.map(({ run, batch }) => ({ run, batch: Number(batch) }))
}

/** Its lines: namespaces found, then sockets, then the polls that these were of, then namespaces gone. */
export async function readBatch(client: pg.Client, { run, batch }: Batch): Promise<readonly CollectedLine[]> {
  const of = async <R extends pg.QueryResultRow>(columns: string, table: string): Promise<readonly R[]> => {
    const query = `SELECT ${columns} FROM ${table} WHERE run = $1 AND batch = $2 ORDER BY mono_s`
    return (await client.query<R>(query, [run, batch])).rows
  }
  const namespaces = await of<NamespaceRow>('event, mono_s, netns, inode, name, found_by', 'collect_namespaces')
  const sockets = await of<SocketRow>(
    'poll, mono_s, netns, cookie, family, state, src_port, dst_port',
    'collect_sockets',
  )
  const polls = await of<PollRow>(
    'poll, mono_s, took_s, first_of, namespaces_count, sockets_count, dropped_count, repeated_count, incomplete_count',
    'collect_polls',
  )
  const blind = await of<BlindRow>(
    'mono_s, unreadable_processes_count, kinds, unopened_namespaces_count, unresolved_sockets_count, large_apart_s',
    'collect_blind',
  )
  return [
    ...namespaces.filter(({ event }) => event === 'found').map(foundLine),
    ...sockets.map(socketLine),
    ...polls.map(pollLine),
    ...namespaces.filter(({ event }) => event === 'gone').map(goneLine),
    ...blind.map((row): CollectedLine => ({ is: 'blind', at_s: 0, ...row })),
  ]
}

// BIGINT and NUMERIC come as text: they may be more than a number holds.
interface NamespaceRow extends Row {
  readonly event: 'found' | 'gone'
  readonly inode: string
  readonly name: string | null
  readonly found_by: FoundBy
}

interface SocketRow extends Row {
  readonly poll: string
  readonly cookie: string
  readonly family: 4 | 6
  readonly state: string
  readonly src_port: number
  readonly dst_port: number
}

interface PollRow {
  readonly poll: string
  readonly mono_s: number
  readonly took_s: number
  readonly first_of: string | null
  readonly namespaces_count: number
  readonly sockets_count: string
  readonly dropped_count: string
  readonly repeated_count: string
  readonly incomplete_count: string
}

interface BlindRow {
  readonly mono_s: number
  readonly unreadable_processes_count: number
  readonly kinds: readonly string[]
  readonly unopened_namespaces_count: number
  readonly unresolved_sockets_count: number
  readonly large_apart_s: number
}

const foundLine = ({ mono_s, netns, inode, name, found_by }: NamespaceRow): CollectedLine => ({
  is: 'netns',
  at_s: 0,
  mono_s,
  netns,
  inode: Number(inode),
  name,
  found_by,
})

const goneLine = ({ mono_s, netns }: NamespaceRow): CollectedLine => ({ is: 'netns_gone', at_s: 0, mono_s, netns })

/** Only what tells one socket from another: the rest is the collector's own business. */
const socketLine = ({ poll, mono_s, netns, cookie, family, state, src_port, dst_port }: SocketRow): CollectedLine => ({
  is: 'socket',
  poll: Number(poll),
  at_s: 0,
  mono_s,
  netns,
  cookie,
  family,
  state,
  src: '',
  src_port,
  dst: '',
  dst_port,
  inode: 0,
  uid: 0,
  cgroup_id: null,
  receive_queue_bytes: 0,
  send_queue_bytes: 0,
  congestion: null,
  tcp: null,
})

const pollLine = (row: PollRow): CollectedLine => ({
  is: 'poll',
  poll: Number(row.poll),
  at_s: 0,
  mono_s: row.mono_s,
  took_s: row.took_s,
  first_of: row.first_of,
  namespaces_count: row.namespaces_count,
  sockets_count: Number(row.sockets_count),
  dropped_count: Number(row.dropped_count),
  repeated_count: Number(row.repeated_count),
  incomplete_count: Number(row.incomplete_count),
})
