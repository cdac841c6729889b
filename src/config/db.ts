// The [db] section: dialled as given, or the names of the run's own server.

import type { ControllerTable } from './controller-schema.ts'
import { isLoopback } from './host.ts'
import type { Path } from './locate.ts'
import type { Problems } from './problems.ts'
import type { DbConfig } from './types.ts'
import { portOf } from './values.ts'

/** External for a unix socket's folder, a loopback address or "localhost"; any other host is never dialled: private. */
export function readDb(
  table: ControllerTable['db'],
  path: Path,
  problems: Problems,
  warnings: string[],
): DbConfig | null {
  if (table === undefined) return null
  const local = table.host.startsWith('/') || isLoopback(table.host)
  if (table.mode === 'external' && !local)
    problems.add({
      path: [...path, 'mode'],
      value: table.mode,
      problem: `is for a server of this machine: host "${table.host}" is neither loopback nor a unix socket's folder`,
    })
  const mode = table.mode ?? (local ? 'external' : 'private')
  if (mode === 'private' && table.mode === undefined)
    warnings.push(
      `db.host = "${table.host}" is not dialled: a database server of the run's own takes user, password and name`,
    )
  const { user, password, host, database } = table
  return { mode, user, password, host, port: portOf(table.port), database }
}
