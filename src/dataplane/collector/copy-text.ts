// Rows and events in the text format of COPY. Source: PostgreSQL, "COPY", File Formats, Text Format.

import type { CopiedTable } from './postgres-schema.ts'
import type { EventLine, RowBatch, SocketRow } from './types.ts'

const NULL = '\\N'

/** `prefix`: the columns run and batch, each with its tab. */
export function copyRows(batch: RowBatch, prefix: string): string {
  const head = `${prefix}${batch.poll}\t${timestamp(batch.at_s)}\t${batch.mono_s}\t${batch.netns}\t`
  let text = ''
  for (const row of batch.rows) text += head + copyRow(row)
  return text
}

function copyRow(row: SocketRow): string {
  const { tcp } = row
  return (
    `${row.cookie}\t${row.family}\t${row.state}\t${row.src}\t${row.src_port}\t${row.dst}\t${row.dst_port}\t${row.inode}` +
    `\t${row.uid}\t${row.cgroup_id ?? NULL}\t${row.receive_queue_bytes}\t${row.send_queue_bytes}\t${escaped(row.congestion)}` +
    (tcp === null
      ? '\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n'
      : `\t${tcp.rtt_s}\t${tcp.rtt_variance_s}\t${tcp.congestion_window_count}\t${tcp.retransmits_count}` +
        `\t${tcp.bytes_sent_bytes}\t${tcp.bytes_received_bytes}\t${tcp.memory_bytes}\n`)
  )
}

/** The row of an event and its table; null for those that have none: a run's start and stop. */
export function copyLine(
  line: EventLine,
  prefix: string,
): { readonly table: CopiedTable; readonly text: string } | null {
  switch (line.is) {
    case 'netns':
      return {
        table: 'namespaces',
        text: row(prefix, ['found', ...times(line), line.netns, line.inode, escaped(line.name), line.found_by]),
      }
    case 'netns_gone':
      return { table: 'namespaces', text: row(prefix, ['gone', ...times(line), line.netns, NULL, NULL, NULL]) }
    case 'poll':
      return {
        table: 'polls',
        text: row(prefix, [
          line.poll,
          ...times(line),
          line.took_s,
          line.first_of ?? NULL,
          line.namespaces_count,
          line.sockets_count,
          line.dropped_count,
          line.repeated_count,
          line.incomplete_count,
        ]),
      }
    case 'blind': {
      const { unreadable_processes_count: unreadable, kinds } = line
      const spots = [
        line.unopened_namespaces_count,
        line.hidden_mounts_count,
        line.unresolved_sockets_count,
        line.unseen_namespaces_count,
        line.large_processes_count,
        line.large_apart_s,
      ].map(value => value ?? NULL)
      return { table: 'blind', text: row(prefix, [...times(line), unreadable, `{${kinds.join(',')}}`, ...spots]) }
    }
    case 'start':
    case 'stop':
      return null
  }
}

function times(line: { readonly at_s: number; readonly mono_s: number }): [string, number] {
  return [timestamp(line.at_s), line.mono_s]
}

const row = (prefix: string, fields: readonly (string | number)[]): string => `${prefix}${fields.join('\t')}\n`

/** Of s since the epoch. */
export const timestamp = (seconds: number): string => new Date(seconds * 1000).toISOString()

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

function escaped(text: string | null): string {
  return text === null ? NULL : text.replace(/[\\\t\n\r]/g, special => ESCAPES[special] as string)
}
