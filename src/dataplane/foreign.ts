// Controllers that a fleet can't have: of another run, or with links of another protocol.

import { NslabError } from '../base/errors.ts'
import type { ControllerMessage } from '../protocol/messages.ts'

export type Reply = Extract<ControllerMessage, { type: 'StartUp' }>

interface Own {
  readonly protocol: 'tcp' | 'udp'
  /** Absent: any. */
  readonly runId?: string
}

/** Why who has replied can't be the fleet's controller; null where it can. */
export function foreignOf({ protocol, runId = '' }: Own, nodeId: number, reply: Reply): NslabError | null {
  const differ = (code: 'FOREIGN_PROTOCOL' | 'FOREIGN_RUN', expected: string, given: string): NslabError | null =>
    expected === given || expected === '' ? null : new NslabError(code, { nodeId, expected, given })
  return differ('FOREIGN_PROTOCOL', protocol, reply.protocol) ?? differ('FOREIGN_RUN', runId, reply.run_id)
}
