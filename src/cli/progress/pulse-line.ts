// What a soak says of itself while it lasts, in one line: for the live view and for the heartbeat.

import type { Progress, Pulse } from '../../lab/run/progress.ts'
import { formatCount, formatMetric, formatSeconds } from '../../report/format.ts'

interface Part {
  /** Figures that it shows; without any of them it is left out. */
  readonly of: readonly string[]
  readonly text: (shown: (name: string) => string, figure: (name: string) => number | undefined) => string
}

/** In the order of what a reader wants to know first: the end may not fit. */
const parts: readonly Part[] = [
  {
    of: ['churn_ops_count'],
    text: (shown, figure) => {
      const facts = [
        ...((figure('churn_failed_count') ?? 0) > 0 ? [`${shown('churn_failed_count')} failed`] : []),
        ...(figure('churn_late_s') === undefined ? [] : [`${shown('churn_late_s')} late`]),
      ]
      return `${shown('churn_ops_count')} ops${facts.length === 0 ? '' : ` (${facts.join(', ')})`}`
    },
  },
  {
    of: ['namespaces_live_count'],
    text: (shown, figure) => {
      const known = figure('netns_known_count') === undefined ? '' : `, ${shown('netns_known_count')} known`
      return `${shown('namespaces_live_count')} live${known}`
    },
  },
  {
    of: ['netns_recall_ratio'],
    text: (_, figure) => `recall ${((figure('netns_recall_ratio') ?? 0) * 100).toFixed(2)} %`,
  },
  {
    of: ['observer_rss_bytes'],
    text: (shown, figure) => {
      const threads = figure('observer_threads_count')
      return `observer ${shown('observer_rss_bytes')}${threads === undefined ? '' : `, ${formatCount(threads)} threads`}`
    },
  },
  {
    of: ['observer_exits_count'],
    text: (shown, figure) =>
      (figure('observer_exits_count') ?? 0) > 0 ? `${shown('observer_exits_count')} EXITS` : '',
  },
  { of: ['poll_last_s'], text: shown => `last poll ${shown('poll_last_s')}` },
  {
    of: ['rows_stored_count'],
    text: (shown, figure) => {
      const doubled = (figure('rows_doubled_count') ?? 0) > 0 ? ` (${shown('rows_doubled_count')} doubled)` : ''
      return `${shown('rows_stored_count')} rows${doubled}`
    },
  },
]

const shownSomewhere = new Set([
  ...parts.flatMap(({ of }) => of),
  'churn_failed_count',
  'churn_late_s',
  'netns_known_count',
  'observer_threads_count',
  'rows_doubled_count',
  'polls_count',
])

/** "churn 1:30 of 2:00, 1,800 ops (2 ms late), 200 live, 199 known, …". Figures of other names stand at the end. */
export function pulseLine(progress: Progress, { figures, elapsedS, durationS }: Pulse): string {
  const figure = (name: string): number | undefined => figures[name]
  const shown = (name: string): string => formatMetric(name, figures[name] ?? 0)
  const known = parts.filter(({ of }) => of.some(name => name in figures)).map(({ text }) => text(shown, figure))
  const others = Object.keys(figures)
    .filter(name => !shownSomewhere.has(name))
    .map(name => `${name} ${shown(name)}`)
  const time = durationS === null ? clockTime(elapsedS) : `${clockTime(elapsedS)} of ${clockTime(durationS)}`
  return [`${progress.phase} ${time}`, ...known, ...others].filter(text => text !== '').join(', ')
}

/** "0:05", "12:34", "1:02:03". */
export function clockTime(seconds: number): string {
  const whole = Math.floor(seconds)
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const padded = (value: number): string => String(value).padStart(2, '0')
  return hours > 0 ? `${hours}:${padded(minutes)}:${padded(rest)}` : `${minutes}:${padded(rest)}`
}

/** How long ago something was last heard, where that is worth saying. */
export const silence = (sinceS: number): string =>
  sinceS < 5 ? '' : ` (nothing heard for ${formatSeconds(Math.round(sinceS))})`
