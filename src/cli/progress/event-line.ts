// An event as a line of a log: "12.345 node_lost node_id=17 reason=…".

import type { RunEvent } from '../../protocol/events.ts'

export function formatEvent(event: RunEvent): string {
  const { t_s, from, kind, ...facts } = event
  const fields = Object.entries(facts).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  return `${t_s.toFixed(3)} ${from}: ${kind}${fields.join('')}`
}
