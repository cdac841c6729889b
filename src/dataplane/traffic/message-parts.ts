import { FLOWS_A_MESSAGE } from './limits.ts'

/** As much as fits into a message each. */
export function inParts<T>(list: readonly T[]): T[][] {
  const parts: T[][] = []
  for (let from = 0; from < list.length; from += FLOWS_A_MESSAGE) parts.push(list.slice(from, from + FLOWS_A_MESSAGE))
  return parts
}
