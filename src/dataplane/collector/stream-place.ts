// Standard output as a place: a pipe, a socket or a terminal. Its reader sets the pace.

import type { Writable } from 'node:stream'
import { type Place, PlaceGone } from './outbox.ts'
import type { TextLoad } from './text-packer.ts'

/** What a stream says when nobody will read it any more. */
const GONE = ['EPIPE', 'EIO', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']

export class StreamPlace implements Place<TextLoad> {
  readonly #stream: Writable
  #onError: (error: NodeJS.ErrnoException) => void = () => {}

  /** The stream stays open. */
  constructor(stream: Writable) {
    this.#stream = stream
    // A write that fails says so to its callback, too.
    stream.on('error', error => this.#onError(error))
  }

  store(load: TextLoad, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException): void => {
        signal.removeEventListener('abort', giveUp)
        const reason = error.code ?? error.message
        reject(GONE.includes(reason) ? new PlaceGone(reason, { cause: error }) : error)
      }
      const giveUp = (): void => reject(new Error('its reader takes nothing'))
      signal.addEventListener('abort', giveUp, { once: true })
      this.#onError = fail
      this.#stream.write(load.text, error => {
        if (error) return fail(error)
        signal.removeEventListener('abort', giveUp)
        resolve()
      })
    })
  }

  async close(): Promise<void> {
    // What it has not taken by now would keep the process.
    this.#onError = () => {}
  }
}
