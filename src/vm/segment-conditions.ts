// What a segment does to frames on their way, as rules that can be set and taken back at any time.

import { NslabError } from '../base/errors.ts'

/** How frames fare on one way through a segment. An absent field changes nothing. */
export interface Conditions {
  /** Nothing passes, and what is on its way is lost. */
  readonly cut?: boolean
  /** Share of frames lost, from 0 to 1. */
  readonly lossRatio?: number
  readonly delayS?: number
  /** The delay varies by up to this much to either side, uniformly; frames of a way keep their order. */
  readonly jitterS?: number
  /** Frames beyond it wait; it is shared by all ways that the rule is about. */
  readonly rateBitsPerS?: number
}

/**
 * Which frames: those from one port to another; all that one port sends (`from` alone) or gets (`to` alone), or both
 * (`port`). Several rules about a way add up: any cut cuts, losses are independent, delays and jitters are summed.
 */
export type Way =
  | { readonly port: string }
  | { readonly from: string; readonly to?: string }
  | { readonly from?: string; readonly to: string }

/** One rule in force. It lives as long as it isn't replaced, because a rate needs to know when its line is free. */
export interface Rule {
  readonly way: Way
  readonly conditions: Conditions
  /** When what was sent under a rate has left, in ms on the segment's clock. */
  freeAtMs: number
}

/** What all rules about one way come to. */
export interface Effect {
  readonly cut: boolean
  readonly lossRatio: number
  readonly delayMs: number
  readonly jitterMs: number
  /** Rules that have a rate. */
  readonly limiters: readonly Rule[]
  /** Whether frames just pass. */
  readonly clear: boolean
}

/** An hour: a frame that takes longer is lost. */
const DELAY_S_MAX = 3600

/** Throws USAGE where a condition is out of range, or the way is none. */
export function checkRule(way: Way, conditions: Conditions): void {
  const limits = { lossRatio: 1, delayS: DELAY_S_MAX, jitterS: DELAY_S_MAX, rateBitsPerS: Number.MAX_SAFE_INTEGER }
  const { port, from, to } = partsOf(way)
  if ((port ?? from ?? to) === undefined) throw refusal('a condition needs the port it is about')
  if (from !== undefined && from === to) throw refusal(`${from} has no way to itself`)
  for (const [name, max] of Object.entries(limits)) {
    const value = conditions[name as keyof typeof limits]
    if (value === undefined) continue
    if (!(value >= 0 && value <= max)) throw refusal(`${name} is ${value}, and may be from 0 to ${max}`)
  }
  if (conditions.rateBitsPerS === 0) throw refusal('rateBitsPerS is 0; cut is what lets nothing pass')
}

const refusal = (problem: string): NslabError => new NslabError('USAGE', { problem, hint: 'See Conditions.' })

export interface WayParts {
  readonly port?: string
  readonly from?: string
  readonly to?: string
}

export const partsOf = (way: Way): WayParts => way

/** One key for one way: setting a rule again replaces it. */
export const keyOf = (way: Way): string => {
  const { port, from, to } = partsOf(way)
  return JSON.stringify([port, from, to])
}

function isAbout(rule: Rule, from: string, to: string): boolean {
  const way = partsOf(rule.way)
  if (way.port !== undefined) return way.port === from || way.port === to
  return (way.from ?? from) === from && (way.to ?? to) === to
}

/** What `rules` come to for frames from one port to another. */
export function effectOf(rules: Iterable<Rule>, from: string, to: string): Effect {
  const about = [...rules].filter(rule => isAbout(rule, from, to))
  const sum = (of: (conditions: Conditions) => number | undefined): number =>
    about.reduce((total, { conditions }) => total + (of(conditions) ?? 0), 0)
  const cut = about.some(({ conditions }) => conditions.cut === true)
  const lossRatio = 1 - about.reduce((kept, { conditions }) => kept * (1 - (conditions.lossRatio ?? 0)), 1)
  const delayMs = sum(conditions => conditions.delayS) * 1000
  const jitterMs = sum(conditions => conditions.jitterS) * 1000
  const limiters = about.filter(({ conditions }) => conditions.rateBitsPerS !== undefined)
  const clear = !cut && lossRatio === 0 && delayMs === 0 && jitterMs === 0 && limiters.length === 0
  return { cut, lossRatio, delayMs, jitterMs, limiters, clear }
}
