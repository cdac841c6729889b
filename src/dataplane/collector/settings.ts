// What can be changed of a running collector, from words as users write them, or from the JSON of somebody who asks.

import { NslabError } from '../../base/errors.ts'
import { DURATION_LIMIT, DURATION_S_MAX, parseDuration } from '../../config/units.ts'
import { namedStates, stateNamed } from '../../protocol/socket-row.ts'
import type { Settings } from './control.ts'
import { FILTER_PORTS_MAX } from './poller.ts'

/** Shorter ones are a busy loop. */
const INTERVAL_S_MIN = 0.01

/** `name`: how the user calls it, for the error. Throws USAGE. */
export function parseInterval(name: string, text: string): number {
  const seconds = parseDuration(text)
  if (seconds === null) throw new NslabError('USAGE', { problem: `${name} ${text}: must be ${DURATION_LIMIT}` })
  return checkInterval(name, seconds)
}

/** "time-wait", "TIME_WAIT,established"; "all" is every one. Throws USAGE. */
export function parseStates(name: string, texts: readonly string[]): string[] {
  const words = texts.flatMap(text => text.split(','))
  if (words.some(word => word.toLowerCase() === 'all')) return []
  return checkStates(
    name,
    words.map(word => stateNamed(word) ?? word),
  )
}

/** "80,443"; "all" is every one. Throws USAGE. */
export function parsePorts(name: string, texts: readonly string[]): number[] {
  const words = texts.flatMap(text => text.split(','))
  if (words.includes('all')) return []
  return checkPorts(
    name,
    words.map(word => (/^\d+$/.test(word) ? Number(word) : word)),
  )
}

/** `interval=1s`, `states=established,listen`, `ports=80`. Throws USAGE. */
export function parseChange(text: string): Partial<Settings> {
  const at = text.indexOf('=')
  const [key, value] = [text.slice(0, at), text.slice(at + 1)]
  if (at > 0 && key === 'interval') return { interval_s: parseInterval('interval', value) }
  if (at > 0 && key === 'states') return { states: parseStates('states', [value]) }
  if (at > 0 && key === 'ports') return { ports: parsePorts('ports', [value]) }
  const hint = 'One of interval=1s, states=established,time-wait, ports=80,443; "all" takes a filter away.'
  throw new NslabError('USAGE', { problem: `${text}: nothing that can be set`, hint })
}

/** What somebody sent. Throws USAGE. */
export function checkChanges(changes: Readonly<Record<string, unknown>>): Partial<Settings> {
  const { interval_s, states, ports, ...others } = changes
  const unknown = Object.keys(others)[0]
  if (unknown !== undefined) throw new NslabError('USAGE', { problem: `${unknown}: nothing that can be set` })
  return {
    ...(interval_s === undefined ? {} : { interval_s: checkInterval('interval_s', interval_s) }),
    ...(states === undefined ? {} : { states: checkStates('states', listOf('states', states)) }),
    ...(ports === undefined ? {} : { ports: checkPorts('ports', listOf('ports', ports)) }),
  }
}

function checkInterval(name: string, value: unknown): number {
  if (typeof value === 'number' && value >= INTERVAL_S_MIN && value <= DURATION_S_MAX) return value
  throw new NslabError('USAGE', {
    problem: `${name} ${String(value)}: must be from ${INTERVAL_S_MIN} s to ${DURATION_S_MAX} s`,
  })
}

function checkStates(name: string, values: readonly unknown[]): string[] {
  const wrong = values.find(value => !namedStates.includes(value as string))
  if (wrong === undefined) return values as string[]
  throw new NslabError('USAGE', {
    problem: `${name} ${String(wrong)}: no state of TCP`,
    hint: `The states: ${namedStates.map(state => state.toLowerCase().replaceAll('_', '-')).join(', ')}.`,
  })
}

function checkPorts(name: string, values: readonly unknown[]): number[] {
  const wrong = values.find(value => !Number.isInteger(value) || (value as number) < 1 || (value as number) > 65_535)
  if (wrong !== undefined) {
    throw new NslabError('USAGE', { problem: `${name} ${String(wrong)}: must be a port, 1 to 65535` })
  }
  if (values.length > FILTER_PORTS_MAX) {
    throw new NslabError('USAGE', { problem: `${name}: at most ${FILTER_PORTS_MAX} ports` })
  }
  return values as number[]
}

function listOf(name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new NslabError('USAGE', { problem: `${name}: must be a list` })
}
