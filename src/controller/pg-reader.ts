// Reads what the database holds. A row that makes no sense is told of, and left out.

import type { Flow } from './flows.ts'
import type { Group } from './groups.ts'
import type { LinkRow } from './links.ts'
import type { PgLink } from './pg-link.ts'
import { edgesOf, type FlowRow, flowOf, flowQuery, type RouteRow, routeColumns, shapeOf } from './pg-rows.ts'
import { PROBE_BYTES, type ProbeAsk } from './probes.ts'
import type { RouteEdges } from './routes.ts'
import type { Contents } from './store.ts'

/** Source and destination of a link's direction. */
export type Ends = readonly [srcNodeId: number, dstNodeId: number]

interface ShapeRow {
  readonly src_node_id: number
  readonly dst_node_id: number
  readonly shape: unknown
}

interface ProbeRequestRow {
  readonly id: number
  readonly from_node_id: number
  readonly to_node_id: number
  readonly probe_bytes: string | null
}

interface GroupRow {
  readonly id: number
  readonly label: string
  readonly src_node_id: number
  readonly group_ip: string
  readonly members: readonly number[]
}

interface TreeRow {
  readonly group_id: number
  readonly tree_id: number
  readonly edges: unknown
}

export class PgReader {
  readonly #link: PgLink
  readonly #transport: 'tcp' | 'lossless_unicast'
  readonly #onInvalid: (message: string) => void

  /** `transport`: of flows, which have no column for it. */
  constructor(link: PgLink, transport: 'tcp' | 'lossless_unicast', onInvalid: (message: string) => void) {
    this.#link = link
    this.#transport = transport
    this.#onInvalid = onInvalid
  }

  async contents(): Promise<Contents> {
    const { rows: routes } = await this.#link.query<RouteRow>(`SELECT ${routeColumns} FROM routes ORDER BY route_id`)
    const { rows: flows } = await this.#link.query<FlowRow>(`${flowQuery} ORDER BY f.id`)
    const { rows: links } = await this.#link.query<ShapeRow>(`${linkQuery} ORDER BY src_node_id, dst_node_id`)
    return {
      routes: new Map(routes.flatMap(row => entry(row.route_id, this.#edges(row)))),
      flows: new Map(flows.flatMap(row => entry(row.id, this.#flow(row)))),
      links: links.flatMap(row => this.#linkRow(row) ?? []),
      groups: await this.#groups(),
    }
  }

  /** What each of these rows holds now; null: it is gone, or makes no sense. */
  async routes(ids: readonly number[]): Promise<(readonly [number, RouteEdges | null])[]> {
    const text = `SELECT ${routeColumns} FROM routes WHERE route_id = ANY($1)`
    const { rows } = await this.#link.query<RouteRow>(text, [ids])
    const byId = new Map(rows.map(row => [row.route_id, row]))
    return ids.map(id => [id, this.#edges(byId.get(id))] as const)
  }

  async flows(ids: readonly number[]): Promise<(readonly [number, Flow | null])[]> {
    const { rows } = await this.#link.query<FlowRow>(`${flowQuery} WHERE f.id = ANY($1)`, [ids])
    const byId = new Map(rows.map(row => [row.id, row]))
    return ids.map(id => [id, this.#flow(byId.get(id))] as const)
  }

  async links(ends: readonly Ends[]): Promise<(readonly [Ends, LinkRow | null])[]> {
    const text = `${linkQuery} WHERE (src_node_id, dst_node_id) IN (SELECT * FROM unnest($1::int[], $2::int[]))`
    const { rows } = await this.#link.query<ShapeRow>(text, [ends.map(([from]) => from), ends.map(([, to]) => to)])
    const byEnds = new Map(rows.map(row => [`${row.src_node_id} ${row.dst_node_id}`, row]))
    return ends.map(each => [each, this.#linkRow(byEnds.get(each.join(' ')))] as const)
  }

  async probes(ids: readonly number[]): Promise<(readonly [number, ProbeAsk])[]> {
    const { rows } = await this.#link.query<ProbeRequestRow>(`${probeQuery} WHERE id = ANY($1) ORDER BY id`, [ids])
    return rows.map(({ id, from_node_id: srcNodeId, to_node_id: dstNodeId, probe_bytes }) => {
      const bytes = probe_bytes === null ? PROBE_BYTES : Number(probe_bytes)
      return [id, { srcNodeId, dstNodeId, bytes }] as const
    })
  }

  async #groups(): Promise<Group[]> {
    const { rows: groups } = await this.#link.query<GroupRow>(groupQuery)
    const { rows: trees } = await this.#link.query<TreeRow>(
      'SELECT group_id, tree_id, edges FROM group_routes ORDER BY group_id, tree_id',
    )
    return groups.map(({ id, label, src_node_id: srcNodeId, group_ip: groupIp, members }) => ({
      id,
      label,
      srcNodeId,
      groupIp,
      members,
      trees: trees
        .filter(({ group_id }) => group_id === id)
        .flatMap(({ tree_id: treeId, edges: written }) => {
          const edges = edgesOf(written)
          if (edges === null) this.#invalid(`tree ${treeId} of group "${label}"`, 'edges that are none')
          return edges === null ? [] : [{ treeId, edges }]
        }),
    }))
  }

  #edges(row: RouteRow | undefined): RouteEdges | null {
    if (row === undefined) return null
    const edges = edgesOf(row.edges)
    if (edges === null) this.#invalid(`route ${row.route_id}`, 'edges that are none')
    return edges
  }

  #flow(row: FlowRow | undefined): Flow | null {
    if (row === undefined) return null
    const flow = flowOf(row, this.#transport)
    if (flow === null) this.#invalid(`flow ${row.id}`, 'no valid length, rate, weight or size of packets')
    return flow
  }

  #linkRow(row: ShapeRow | undefined): LinkRow | null {
    if (row === undefined) return null
    const { src_node_id: srcNodeId, dst_node_id: dstNodeId } = row
    const shape = shapeOf(row.shape)
    if (shape === null) this.#invalid(`the link from node ${srcNodeId} to ${dstNodeId}`, 'a shape that is none')
    return shape === null ? null : { srcNodeId, dstNodeId, shape }
  }

  #invalid(what: string, problem: string): void {
    this.#onInvalid(`${what} of the database has ${problem}; it is ignored`)
  }
}

const entry = <V>(id: number, value: V | null): [number, V][] => (value === null ? [] : [[id, value]])

const linkQuery = 'SELECT src_node_id, dst_node_id, shape FROM links'

const probeQuery = 'SELECT id, from_node_id, to_node_id, probe_bytes FROM probe_requests'

const groupQuery = `
SELECT g.id, g.label, g.src_node_id, g.group_ip,
  ARRAY(SELECT m.node_id FROM group_members m WHERE m.group_id = g.id ORDER BY m.node_id) AS members
FROM groups g ORDER BY g.id`
