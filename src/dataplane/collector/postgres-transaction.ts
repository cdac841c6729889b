// What a transaction with a load consists of: the row that names its batch, then the rows of all tables.

import type { CopyLoad } from './copy-packer.ts'
import { timestamp } from './copy-text.ts'
import type { PostgresClient } from './postgres-client.ts'
import { type CopiedTable, copied } from './postgres-schema.ts'

/** False: the batch is stored already. `opening` begins what is to be ended or undone. */
export async function open(client: PostgresClient, run: number, load: CopyLoad, opening: string): Promise<boolean> {
  // A user's constraints that wait for COMMIT would fail where no row can be named. Of a transaction with this batch
  // that has not ended, the INSERT awaits the end.
  const results = (await client.query(`${opening}; SET CONSTRAINTS ALL IMMEDIATE;
    INSERT INTO collect_batches (run, batch, sockets_count) VALUES (${run}, ${load.batch}, ${load.rows})
    ON CONFLICT DO NOTHING RETURNING batch`)) as unknown as readonly { rowCount: number }[]
  return results[2]?.rowCount === 1
}

export const copy = (client: PostgresClient, table: CopiedTable, text: string): Promise<void> =>
  client.copy(copied[table], text)

/** The same with all of its rows. */
export async function fill(client: PostgresClient, run: number, load: CopyLoad, opening: string): Promise<boolean> {
  if (!(await open(client, run, load, opening))) return false
  for (const [table, text] of load.texts) await copy(client, table, text)
  if (load.stop === undefined) return true
  const { at_s, mono_s } = load.stop
  const update = 'UPDATE collect_runs SET stopped_at = $2, stopped_mono_s = $3 WHERE run = $1'
  await client.query(update, [run, timestamp(at_s), mono_s])
  return true
}
