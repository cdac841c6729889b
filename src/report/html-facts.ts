// The end of the page: every metric, and what the run ran on.

import type { History, Report } from '../judge/types.ts'
import type { Plan } from '../plan.ts'
import { formatBytes, formatCount, formatMetric } from './format.ts'
import { type Markup, markup } from './markup.ts'

export function metricsSection(report: Report): Markup {
  const rows = Object.entries(report.metrics).map(
    ([name, value]) =>
      markup`<tr><th scope="row"><code>${name}</code></th><td class="num">${formatMetric(name, value)}</td><td class="num optional">${value}</td></tr>\n`,
  )
  return markup`<section><h2 id="metrics">Metrics</h2>
<details><summary>All ${rows.length} that are known</summary>
<table aria-labelledby="metrics"><thead><tr><th scope="col">Name</th><th scope="col" class="num">Value</th><th scope="col" class="num optional">Exact</th></tr></thead>
<tbody>
${rows}</tbody></table></details></section>`
}

export function environmentSection(report: Report, history: History): Markup {
  const { environment } = report
  const facts: [string, string][] = [
    ['Level', `${report.level}, accelerator ${environment.accelerator}${environment.rootless ? ', without root' : ''}`],
    ['Kernel', environment.kernel],
    ['Processor', `${environment.cpu}, ${formatCount(environment.cpus_count)} online`],
    ['Memory', formatBytes(environment.memory_bytes)],
    ['Versions', pairs(environment.versions)],
    ['Limits', pairs(environment.limits)],
    ['Commit', environment.commit ?? 'not known'],
    ['Lock files', pairs(environment.lock_digests)],
    ['Run id', environment.run_id],
    [
      'Hosts',
      report.hosts
        .map(host => `${host.name}: ids from ${host.node_id_offset + 1}, ${formatCount(host.nodes_count)} nodes`)
        .join('; '),
    ],
    ...uplinks(report),
    ...planned(history),
  ]
  return markup`<section><h2>Environment</h2><dl class="facts">${facts.map(
    ([name, value]) => markup`<dt>${name}</dt><dd>${value === '' ? '–' : value}</dd>`,
  )}</dl></section>`
}

function uplinks({ hosts }: Report): [string, string][] {
  const mtus = [...new Set(hosts.flatMap(host => host.uplink_mtu_bytes ?? []))]
  return mtus.length === 0 ? [] : [['MTU between hosts', `${mtus.map(formatCount).join(', ')} bytes`]]
}

function planned({ plan, soak }: History): [string, string][] {
  const { topology, churn } = plan as Plan
  if (!soak) return [['Edges planned', formatCount(topology.edges.length)]]
  const ops = formatCount(soak.plan.opsCount)
  return [['Schedule', `${ops} operations, ${formatCount(soak.plan.ratePerS)} a second, digest ${churn?.digest ?? ''}`]]
}

function pairs(record: Readonly<Record<string, string | number>>): string {
  return Object.entries(record)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}
