// The metrics of the proof that links are wired as planned: of the last proof that the run made, but for their number.

import type { Plan } from '../../plan.ts'
import type { Metric } from '../metric.ts'
import type { History } from '../types.ts'
import { toNanosecond } from '../units.ts'
import { type LinkFacts, plannedCrossings, readLinks, sharedAddresses } from './links.ts'
import { proofsOf, readWalk, type WalkFacts } from './ring.ts'

/** Faults named in the evidence of a metric. */
const NAMED_MAX = 3

const unknown = (why: string): Metric => ({ known: false, why })
const known = (value: number, evidence: string): Metric => ({ known: true, value, evidence, others: [] })

const unproven = 'the run did not prove its wiring'
const noRing = 'the topology is not one ring through all nodes, so no token walks it'

/** Read from links.ndjson, too: damage to it makes them unknown. */
export const listedMetrics: ReadonlySet<string> = new Set([
  'links_count',
  'links_disagreeing_count',
  'links_missing_count',
  'links_crossing_count',
  'links_crossing_missing_count',
  'addresses_overlapping_count',
  'proofs_count',
])

/** What the proofs of a run say, each read once and when it is asked for. */
export class Proofs {
  readonly history: History
  readonly plan: Plan
  readonly #links = new Map<number, LinkFacts | string>()

  /** `history.plan` is a Plan. */
  constructor(history: History) {
    this.history = history
    this.plan = history.plan as Plan
  }

  get numbers(): number[] {
    return proofsOf(this.history.events)
  }

  /** Null where the topology is no ring, a sentence where the run made no proof. */
  walk(proof = this.numbers.at(-1)): WalkFacts | string | null {
    return proof === undefined ? unproven : readWalk(this.plan, this.history.events, proof)
  }

  /** A sentence where nothing is proven. */
  links(proof = this.numbers.at(-1)): LinkFacts | string {
    if (proof === undefined) return unproven
    const facts = this.#links.get(proof) ?? readLinks(this.plan, this.history.links ?? [], proof)
    this.#links.set(proof, facts)
    return facts
  }
}

/** Name → how it is derived. */
export const proofDerivations: Readonly<Record<string, (proofs: Proofs) => Metric>> = {
  links_disagreeing_count: proofs => ofLinks(proofs, ({ disagreeing }) => listed(disagreeing, 'all ends agree')),
  links_missing_count: proofs => ofLinks(proofs, ({ missing }) => listed(missing, 'every planned link is up')),
  links_crossing_count: proofs =>
    ofLinks(proofs, ({ crossing }) =>
      known(crossing, `links that agree, with ends on different hosts; ${plannedCrossings(proofs.plan)} planned`),
    ),
  links_crossing_planned_count: ({ plan }) => known(plannedCrossings(plan), 'edges of the plan'),
  links_crossing_missing_count: proofs =>
    ofLinks(proofs, ({ crossing }) => {
      const planned = plannedCrossings(proofs.plan)
      return known(planned - crossing, `${crossing} of ${planned} planned links cross hosts`)
    }),
  ring_hops_count: proofs => ofWalk(proofs, ({ hops, evidence }) => known(hops, evidence)),
  ring_walk_s: proofs =>
    ofWalk(proofs, ({ isWhole, walkS, evidence }) =>
      isWhole && walkS !== null
        ? known(toNanosecond(walkS), "by the clock of the first node's fleet")
        : unknown(evidence),
    ),
  addresses_overlapping_count: ({ plan, history }) =>
    listed(sharedAddresses(plan, history.links ?? []), 'addresses of the plan, and those that link ends have'),
  proofs_count: proofsCount,
}

/** Links that were up with both ends agreeing, planned or not; null where the run did not list them. */
export function linksProven(proofs: Proofs): number | null {
  const facts = proofs.links()
  return typeof facts === 'string' ? null : facts.agreeing + facts.strays
}

function ofLinks(proofs: Proofs, metric: (facts: LinkFacts) => Metric): Metric {
  const facts = proofs.links()
  return typeof facts === 'string' ? unknown(facts) : metric(facts)
}

function ofWalk(proofs: Proofs, metric: (facts: WalkFacts) => Metric): Metric {
  const facts = proofs.walk()
  if (facts === null || typeof facts === 'string') return unknown(facts ?? noRing)
  return metric(facts)
}

/** A proof counts when its walk is whole, where there is one to walk, and all links agree. */
function proofsCount(proofs: Proofs): Metric {
  const { numbers } = proofs
  const good = numbers.filter(proof => {
    const [links, walk] = [proofs.links(proof), proofs.walk(proof)]
    if (typeof links === 'string' || links.missing.length + links.disagreeing.length > 0) return false
    return walk === null || (typeof walk !== 'string' && walk.isWhole)
  })
  return known(good.length, `proofs, of ${numbers.length} that the run began`)
}

function listed(faults: readonly string[], good: string): Metric {
  if (faults.length === 0) return known(0, good)
  const more = faults.length > NAMED_MAX ? `; and ${faults.length - NAMED_MAX} more` : ''
  return known(faults.length, `${faults.slice(0, NAMED_MAX).join('; ')}${more}`)
}
