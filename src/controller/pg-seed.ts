// Brings a database to the present schema, and puts into it what the configuration says.

import type { Group } from './groups.ts'
import type { PgLink } from './pg-link.ts'
import { endsOfRoute, flowColumns, flowTypes, flowValues } from './pg-rows.ts'
import { transpose } from './row-piles.ts'
import { migrations, tables } from './schema.ts'
import type { Seed } from './store.ts'

/** Throws DATABASE_REFUSED for a schema of a newer nslab, else what the server says. */
export async function migrate(link: PgLink, isReset: boolean): Promise<void> {
  if (isReset) await link.query(`DROP TABLE IF EXISTS ${tables.join(', ')} CASCADE`)
  await link.query(
    'CREATE TABLE IF NOT EXISTS nslab_migrations (version INTEGER PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())',
  )
  const { rows } = await link.query<{ version: number }>(
    'SELECT COALESCE(MAX(version), 0) AS version FROM nslab_migrations',
  )
  const version = rows[0]?.version ?? 0
  if (version > migrations.length)
    throw link.refusal(new Error(`its schema is version ${version}; this nslab knows ${migrations.length}`))
  for (const [at, text] of migrations.entries()) {
    if (at < version) continue
    // Several statements in one query are one transaction.
    await link.query(`${text}; INSERT INTO nslab_migrations (version) VALUES (${at + 1})`)
  }
}

/** Routes, flows, links and groups are each seeded where there are none. */
export async function seedRows(link: PgLink, seed: Seed): Promise<void> {
  const { rows } = await link.query<Record<'routes' | 'flows' | 'links' | 'groups', boolean>>(
    `SELECT EXISTS (SELECT FROM routes) AS routes, EXISTS (SELECT FROM flows) AS flows,
      EXISTS (SELECT FROM links) AS links, EXISTS (SELECT FROM groups) AS groups`,
  )
  const has = rows[0]
  if (has?.routes === false && seed.routes.length > 0) {
    const values = seed.routes.map(edges => [...endsOfRoute(edges), JSON.stringify(edges)])
    await link.query(insertRoutes, transpose(values))
  }
  if (has?.groups === false && seed.groups.length > 0) await seedGroups(link, seed.groups)
  if (has?.flows === false && seed.flows.length > 0) {
    const flows = has.groups ? await withNumbersOf(link, seed) : seed.flows
    await link.query(insertFlows, transpose(flows.map(flowValues)))
  }
  if (has?.links === false && seed.links.length > 0) {
    const values = seed.links.map(({ srcNodeId, dstNodeId, shape }) => [srcNodeId, dstNodeId, JSON.stringify(shape)])
    await link.query(insertLinks, transpose(values))
  }
  // What an earlier run left connected is not.
  await link.query('UPDATE nodes SET connected = FALSE WHERE connected')
}

/** Groups that are there already keep their numbers: flows go to those of the same labels. */
async function withNumbersOf(link: PgLink, { flows, groups }: Seed): Promise<Seed['flows']> {
  const { rows } = await link.query<{ id: number; label: string }>('SELECT id, label FROM groups')
  const idOf = new Map(rows.map(({ id, label }) => [label, id]))
  const labelOf = new Map(groups.map(({ id, label }) => [id, label]))
  return flows.map(flow => {
    if (flow.dstGroupId === undefined) return flow
    // Of a group that is not there no number is right: 0 is none, and told of as such.
    return { ...flow, dstGroupId: idOf.get(labelOf.get(flow.dstGroupId) as string) ?? 0 }
  })
}

async function seedGroups(link: PgLink, groups: readonly Group[]): Promise<void> {
  const rows = groups.map(({ id, label, srcNodeId, groupIp }) => [id, label, srcNodeId, groupIp])
  await link.query(insertGroups, transpose(rows))
  const members = groups.flatMap(({ id, members }) => members.map(member => [id, member]))
  if (members.length > 0) await link.query(insertMembers, transpose(members))
  const trees = groups.flatMap(({ id, srcNodeId, trees }) =>
    trees.map(({ treeId, edges }) => [id, treeId, srcNodeId, JSON.stringify(edges)]),
  )
  if (trees.length > 0) await link.query(insertTrees, transpose(trees))
}

const insertRoutes = `
INSERT INTO routes (src_node_id, dst_node_id, edges) SELECT * FROM unnest($1::int[], $2::int[], $3::jsonb[])`

const insertFlows = `
INSERT INTO flows (${flowColumns}) SELECT * FROM unnest(${flowTypes.map((type, at) => `$${at + 1}::${type}[]`).join(', ')})`

const insertLinks = `
INSERT INTO links (src_node_id, dst_node_id, shape) SELECT * FROM unnest($1::int[], $2::int[], $3::jsonb[])`

/** ms since the epoch. */
const now = '(extract(epoch FROM now()) * 1000)::bigint'

/** Numbers are given, so whoever adds a group later gets the next. */
const insertGroups = `
WITH new AS (INSERT INTO groups (id, label, src_node_id, group_ip, created_at)
  SELECT *, ${now} FROM unnest($1::int[], $2::text[], $3::int[], $4::text[]) RETURNING id)
SELECT setval(pg_get_serial_sequence('groups', 'id'), max(id)) FROM new`

const insertMembers = `
INSERT INTO group_members (group_id, node_id, joined_at) SELECT *, ${now} FROM unnest($1::int[], $2::int[])`

const insertTrees = `
INSERT INTO group_routes (group_id, tree_id, src_node_id, edges, updated_at)
SELECT *, ${now} FROM unnest($1::int[], $2::int[], $3::int[], $4::jsonb[])`
