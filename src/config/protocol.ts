// What links are made of.

import type { Path } from './locate.ts'
import type { Problems } from './problems.ts'

export type LinkProtocol = 'tcp' | 'udp'

/** Of the table at `path`. "quic" is published, and has no links here: a problem. */
export function readProtocol(value: LinkProtocol | 'quic', path: Path, problems: Problems): LinkProtocol {
  if (value !== 'quic') return value
  problems.add({
    path: [...path, 'protocol'],
    value,
    problem: 'is not supported: links are TCP or UDP, and never stand in for another. Write protocol = "tcp" or "udp"',
  })
  return 'tcp'
}
