// The row of the seed's table: Topology, Nodes, Wiring Time, Memory Before, Memory After, Per Node.

import type { History, Report } from '../judge/types.ts'
import type { Plan } from '../plan.ts'
import { formatBytes, formatCount, formatMegabytes, formatMetric, formatSeconds } from './format.ts'

export interface Column {
  readonly title: string
  readonly value: string
}

/** A soak's row: how much came and went, and how well it was seen. */
function soakRow({ metrics }: Report): Column[] {
  const shown = (title: string, name: string): Column => {
    const value = metrics[name]
    return { title, value: value === undefined ? '–' : formatMetric(name, value) }
  }
  return [
    shown('Namespaces', 'namespaces_live_max_count'),
    shown('Made', 'namespaces_made_count'),
    shown('Operations', 'churn_ops_per_s'),
    shown('Recall', 'netns_recall_ratio'),
    shown('Socket Recall', 'socket_recall_ratio'),
    shown('Misattributed', 'sockets_misattributed_count'),
    shown('Found p99', 'discovery_p99_s'),
    shown('Forgotten p99', 'forgetting_p99_s'),
    shown('Memory', 'observer_rss_max_bytes'),
  ]
}

/** A row of connections: how many there were, how fast they came, what each costs. */
function connectionsRow({ metrics }: Report): Column[] {
  const shown = (title: string, name: string): Column => {
    const value = metrics[name]
    return { title, value: value === undefined ? '–' : formatMetric(name, value) }
  }
  return [
    shown('Connections', 'connections_count'),
    shown('Asked', 'connections_asked_count'),
    shown('Opened', 'connections_per_s'),
    shown('Memory Each', 'connection_bytes'),
    shown("Kernel's", 'kernel_connection_bytes'),
    shown('TIME_WAIT', 'time_wait_count'),
    shown('Processes', 'connection_processes_count'),
  ]
}

/** Whether the run was one of connections, and neither a fleet's nor a soak. */
export const isOfConnections = (history: History): boolean => (history.plan as Plan).scenario.connections !== undefined

/** Wiring Time is all_wired_s: theirs stops earlier, before the links are confirmed (nextmini_wiring_s). */
export function summaryRow(report: Report, history: History): Column[] {
  if (history.soak) return soakRow(report)
  if (isOfConnections(history)) return connectionsRow(report)
  const { metrics } = report
  const shown = (name: string, format: (value: number) => string): string => {
    const value = metrics[name]
    return value === undefined ? '–' : format(value)
  }
  return [
    { title: 'Topology', value: topologyTitle((history.plan as Plan).topology.name) },
    { title: 'Nodes', value: shown('nodes_count', formatCount) },
    { title: 'Wiring Time', value: shown('all_wired_s', formatSeconds) },
    { title: 'Memory Before', value: shown('memory_before_bytes', formatBytes) },
    { title: 'Memory After', value: shown('memory_after_bytes', formatBytes) },
    { title: 'Per Node', value: shown('memory_per_node_bytes', formatMegabytes) },
  ]
}

/** "fat_tree" → "Fat tree"; "none" is a run without links. */
export function topologyTitle(name: string): string {
  if (name === 'none') return 'Connection only'
  const words = name.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** Nodes that the plan asked for. */
export function plannedNodes(history: History): number {
  return (history.plan as Plan).topology.nodes_count
}

/** What the run was of: "100 nodes", "200 namespaces". */
export function subject(history: History): string {
  const { scenario } = history.plan as Plan
  const { connections } = scenario
  if (connections !== undefined) {
    const many =
      connections.count === 'max' ? 'as many connections as fit' : `${formatCount(connections.count)} connections`
    return `${many} over ${formatCount(connections.namespaces)} namespaces`
  }
  const namespaces = scenario.soak?.churn.namespaces
  return namespaces === undefined
    ? `${formatCount(plannedNodes(history))} nodes`
    : `${formatCount(namespaces)} namespaces`
}

/** How many gates the verdict is not about, and why; null: it is about all. */
export function notApplicableText({ gates, not_applicable: reasons }: Report): string | null {
  if (reasons === undefined || reasons.length === 0) return null
  const count = reasons.reduce((sum, { gates_count }) => sum + gates_count, 0)
  const words = reasons.map(({ why, gates_count }) => (reasons.length === 1 ? why : `${gates_count}, ${why}`))
  return `${count} of ${gates.length} gates not applicable: ${words.join('; ')}`
}

/** From the run's start to the end of its last phase. */
export function durationS(report: Report): number {
  return report.phases.reduce((end, phase) => Math.max(end, phase.start_s + phase.duration_s), 0)
}
