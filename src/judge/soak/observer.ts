// What became of the observer's processes, and what it said of itself.

import type { ObservedLine } from '../../protocol/observed.ts'
import { Findings } from './findings.ts'
import { Extremes, type Moment } from './series.ts'

/** Metrics of which there are more are somebody's labels. */
const SCRAPED_MAX = 50

const most = (one: number | null, other: number | undefined): number | null =>
  other === undefined ? one : Math.max(one ?? 0, other)

export class ObserverFacts {
  readonly starts = new Findings()
  readonly exits = new Findings()
  readonly unwantedExits = new Findings()
  readonly oomKills = new Findings()
  readonly logMatches = new Findings()
  readonly malformed = new Findings()
  /** Of the first such line: the run's notes have the line itself. */
  malformedFirst = ''
  /** By the count of its own control group; null: it has none. */
  groupKills: { readonly count: number; readonly t_s: number } | null = null
  memoryMaxBytes: number | null = null
  readonly blindKinds = new Set<string>()
  lastStartS = Number.NEGATIVE_INFINITY
  lastExitS = Number.NEGATIVE_INFINITY
  /** The most; null: it never said. */
  unreadableProcessesMax: number | null = null
  unopenedNamespacesMax: number | null = null
  unresolvedSocketsMax: number | null = null
  largeApartMaxS: number | null = null
  readonly #scraped = new Map<string, Extremes>()

  add(line: ObservedLine): void {
    switch (line.is) {
      case 'observer_started':
        this.lastStartS = Math.max(this.lastStartS, line.t_s)
        this.starts.add(line.t_s, () => `the observer was started: process ${line.pid}`)
        break
      case 'observer_exited': {
        const words = (): string => `the observer, process ${line.pid}, ended: ${line.status}`
        this.lastExitS = Math.max(this.lastExitS, line.t_s)
        this.exits.add(line.t_s, words)
        if (!line.wanted) this.unwantedExits.add(line.t_s, words)
        if (line.oom) this.oomKills.add(line.t_s, () => `${words()}, for want of memory`)
        break
      }
      case 'blind':
        for (const kind of line.kinds) this.blindKinds.add(kind)
        this.unreadableProcessesMax = most(this.unreadableProcessesMax, line.unreadable_processes_count)
        this.unopenedNamespacesMax = most(this.unopenedNamespacesMax, line.unopened_namespaces_count)
        this.unresolvedSocketsMax = most(this.unresolvedSocketsMax, line.unresolved_sockets_count)
        this.largeApartMaxS = most(this.largeApartMaxS, line.large_apart_s)
        break
      case 'memory_group':
        this.groupKills = { count: line.oom_kills_count, t_s: line.t_s }
        this.memoryMaxBytes = line.max_bytes
        break
      case 'log_match':
        this.logMatches.add(line.t_s, () => `its log has "${line.line}", which /${line.pattern}/ forbids`, line.count)
        break
      case 'line_malformed': {
        const { count, line: number, problem, text, t_s } = line
        if (this.malformed.count === 0) this.malformedFirst = `at ${t_s.toFixed(3)} s line ${number}: ${problem}`
        this.malformed.add(t_s, () => `line ${number} of its output: ${problem}: ${text}`, count)
        break
      }
      case 'scraped':
        this.#addScraped(line.t_s, line.values)
        break
    }
  }

  /** By metric: its values over time. */
  scraped(): Readonly<Record<string, readonly Moment[]>> {
    return Object.fromEntries([...this.#scraped].map(([name, values]) => [name, values.moments()]))
  }

  #addScraped(timeS: number, values: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(values)) {
      let extremes = this.#scraped.get(name)
      if (extremes === undefined) {
        if (this.#scraped.size === SCRAPED_MAX) continue
        extremes = new Extremes()
        this.#scraped.set(name, extremes)
      }
      extremes.add(timeS, value)
    }
  }
}
