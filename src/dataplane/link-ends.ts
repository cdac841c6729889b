// Link ends as the addon lists them, made readable.

import { formatIpv4 } from '../base/ipv4.ts'
import type { LinkEnd } from '../protocol/steering.ts'

/** Node, peer, local address and port, remote address and port. */
const NUMBERS_AN_END = 6

/** The ends in an answer of Links.list(). */
export function linkEndsOf(numbers: Uint32Array): LinkEnd[] {
  const endpoint = (at: number): string => `${formatIpv4(numbers[at] as number)}:${numbers[at + 1]}`
  const ends: LinkEnd[] = []
  for (let at = 0; at < numbers.length; at += NUMBERS_AN_END)
    ends.push([numbers[at] as number, numbers[at + 1] as number, endpoint(at + 2), endpoint(at + 4)])
  return ends
}
