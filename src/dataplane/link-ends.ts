// Link ends as the addon lists them, made readable, and as the answer to who asks for them.

import { formatIpv4 } from '../base/ipv4.ts'
import type { LinkEnd, Notice } from '../protocol/steering.ts'
import { LINK_ENDS_A_NOTICE } from './limits.ts'

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

/** The answer to `links`: in one part at least, and in as many as the channel's longest line asks for. */
export function linkNotices(proof: number, ends: readonly LinkEnd[]): Notice[] {
  const notices: Notice[] = []
  for (let from = 0; from === 0 || from < ends.length; from += LINK_ENDS_A_NOTICE) {
    const end = from + LINK_ENDS_A_NOTICE
    notices.push({ is: 'links', proof, ends: ends.slice(from, end), more: end < ends.length })
  }
  return notices
}
