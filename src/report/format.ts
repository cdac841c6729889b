// Values for people: units with three digits, and text that can't steer a terminal.

import type { GateVerdict } from '../judge/types.ts'
import { unitOf } from '../judge/units.ts'

/** "421 ms", "1.83 s", "312 s". */
export function formatSeconds(seconds: number): string {
  const size = Math.abs(seconds)
  if (size === 0) return '0 s'
  if (size < 1e-3) return `${significant(seconds * 1e6)} µs`
  return size < 1 ? `${significant(seconds * 1e3)} ms` : `${significant(seconds)} s`
}

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** Decimal units, as the published figures: "455 kB", "1.61 GB". */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (Math.abs(value) >= 999.5 && unit < byteUnits.length - 1) {
    value /= 1000
    unit++
  }
  return `${significant(value)} ${byteUnits[unit]}`
}

/** Always in megabytes: "0.45 MB", the unit that memory per node is published in. */
export function formatMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`
}

/** "10,000". */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US', { maximumFractionDigits: 3 })
}

/**
 * Three digits after the point, and as many more as it takes that what is below 1 does not read 1, nor what is above 0,
 * 0.
 */
function formatRatio(ratio: number): string {
  const isWhole = Number.isInteger(ratio)
  let digits = 3
  while (!isWhole && digits < 12 && Number.isInteger(Number(ratio.toFixed(digits)))) digits++
  return ratio.toLocaleString('en-US', { maximumFractionDigits: digits })
}

/** A value in the unit that judge/units.ts found for it. */
export function formatValue(value: number, unit: string): string {
  if (unit === 's') return formatSeconds(value)
  if (unit === 'bytes') return formatBytes(value)
  if (unit === 'bytes/h') return `${formatBytes(value)}/h`
  if (unit === '1/s' || unit === '1/h') return `${formatCount(value)} ${unit.slice(1)}`
  if (unit === 'ratio') return formatRatio(value)
  if (unit === 'h') return `${significant(value)} h`
  return formatCount(value)
}

export function formatMetric(name: string, value: number): string {
  return formatValue(value, unitOf(name))
}

export function formatObserved(gate: GateVerdict): string {
  return gate.observed === null ? '–' : formatValue(gate.observed, gate.unit)
}

const operators: Readonly<Record<string, string>> = { '<=': '≤', '>=': '≥', '==': '=', '!=': '≠' }

/** "<= 2000000" of bytes as "≤ 2 MB". A limit of another form stays as it is. */
export function formatLimit(gate: GateVerdict): string {
  const [operator = '', number = ''] = gate.limit.split(' ')
  if (number === '' || !Number.isFinite(Number(number))) return gate.limit
  return `${operators[operator] ?? operator} ${formatValue(Number(number), gate.unit)}`
}

export function formatVerdict(verdict: string): string {
  return verdict.replaceAll('_', ' ')
}

/** Text without control characters: line ends and tabs become spaces, the rest U+FFFD. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: naming them is the point
  return text.replace(/[\t\n\r]+/g, ' ').replace(/[\x00-\x1f\x7f-\x9f]/g, '\ufffd')
}

/** Three significant digits, no exponent, no trailing zeros. */
function significant(value: number): string {
  if (Math.abs(value) >= 999.5) return formatCount(Math.round(value))
  return String(Number(value.toPrecision(3)))
}
