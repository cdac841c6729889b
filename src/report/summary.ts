// The row of the seed's table: Topology, Nodes, Wiring Time, Memory Before, Memory After, Per Node.

import type { History, Report } from '../judge/types.ts'
import type { Plan } from '../lab/plan-types.ts'
import { formatBytes, formatCount, formatMegabytes, formatSeconds } from './format.ts'

export interface Column {
  readonly title: string
  readonly value: string
}

/** Wiring Time is all_wired_s: theirs stops earlier, before the links are confirmed (nextmini_wiring_s). */
export function summaryRow(report: Report, history: History): Column[] {
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

/** From the run's start to the end of its last phase. */
export function durationS(report: Report): number {
  return report.phases.reduce((end, phase) => Math.max(end, phase.start_s + phase.duration_s), 0)
}
