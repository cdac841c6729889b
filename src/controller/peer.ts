// The other end of a control connection, whichever code speaks WebSocket with it: Node's http server and `ws`
// (ws-peer.ts), or, for those that ask as nodes do, what is left of that (node-peer.ts). Same behaviour, RFC 6455.

import type { Socket } from 'node:net'

/** Longest message, in bytes: up to this a peer that sends too much is told so before its connection ends. */
export const MESSAGE_BYTES_MAX = 256 * 1024

/** How long a peer may take to end a connection that is being closed. */
export const CLOSE_MS = 2_000

export interface Peer {
  /** Whether what is written still has a chance to arrive. */
  readonly isOpen: boolean
  readonly socket: Socket
  ping(payload: string): void
  /** Says goodbye; the peer answers, or is cut off. */
  close(code: number, reason: string): void
  /** Cuts it off. */
  terminate(): void
}

/** Who is told what comes from a peer; after `closed` nothing more. */
export interface PeerOwner {
  /** `bytes`: length of the text as it came. */
  received(text: string, bytes: number): void
  receivedBinary(): void
  ponged(payload: Buffer): void
  /** It broke the rules, by `code` of RFC 6455, section 7.4.1, and its connection is being closed. */
  failed(code: number, what: string): void
  /** `code`: what it said at its end, 1005 without a code, 1006 without a word. */
  closed(code: number): void
}
