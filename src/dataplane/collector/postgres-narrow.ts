// Which rows of a load the database will never take: found by copying ever smaller parts of it, of which nothing is
// kept. The load without them is stored as any other.

import type { CopyLoad } from './copy-packer.ts'
import type { Refused } from './outbox.ts'
import type { PostgresClient } from './postgres-client.ts'
import type { CopiedTable } from './postgres-schema.ts'
import { copy, open } from './postgres-transaction.ts'

/**
 * Errors that lie in a row, and come again with it: of data and of constraints, of a view's condition, what is too
 * long for an index, what a trigger says. All others (no table, no permission, no space) are of what somebody has to
 * mend, and rows wait for that. Source: PostgreSQL, appendix A.
 */
export const isRowFault = (error: unknown): boolean =>
  /^(22|23|44|54|P0)/.test(String((error as { code?: unknown }).code ?? ''))

/** A load without rows at fault. */
export interface Narrowed {
  readonly load: CopyLoad
  readonly refused: Refused | null
}

/** Null: none of its rows is at fault. */
export async function narrow(client: PostgresClient, run: number, before: Narrowed): Promise<Narrowed | null> {
  const { load } = before
  const faults = { rows: 0, lines: 0 }
  let error: Error | undefined
  const texts = new Map<CopiedTable, string>()
  await open(client, run, load, 'BEGIN')
  for (const [table, text] of load.texts) {
    const kept = await copyParts(client, table, text.split(/(?<=\n)/), fault => {
      error ??= fault
      faults[table === 'sockets' ? 'rows' : 'lines']++
    })
    if (kept !== '') texts.set(table, kept)
  }
  await client.query('ROLLBACK')
  if (error === undefined) return null
  const { rows = 0, lines = 0 } = before.refused ?? {}
  const refused = { rows: rows + faults.rows, lines: lines + faults.lines, error: client.refusal(error) }
  return { load: { ...load, texts, rows: load.rows - faults.rows }, refused }
}

/** What was taken of `rows`; the others are told of one by one. */
async function copyParts(
  client: PostgresClient,
  table: CopiedTable,
  rows: readonly string[],
  onFault: (error: Error) => void,
): Promise<string> {
  const text = rows.join('')
  await client.query('SAVEPOINT part')
  try {
    await copy(client, table, text)
    await client.query('RELEASE part')
    return text
  } catch (error) {
    if (!isRowFault(error)) throw error
    await client.query('ROLLBACK TO part; RELEASE part')
    if (rows.length > 1) {
      const middle = Math.ceil(rows.length / 2)
      const first = await copyParts(client, table, rows.slice(0, middle), onFault)
      return first + (await copyParts(client, table, rows.slice(middle), onFault))
    }
    onFault(error as Error)
    return ''
  }
}
