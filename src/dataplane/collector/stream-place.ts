// Standard output as a place: a pipe, a socket or a terminal; or a named pipe. Its reader sets the pace.

import { constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { NslabError } from '../../base/errors.ts'
import { refusedPath } from './file-place.ts'
import { type Place, PlaceGone } from './outbox.ts'
import type { TextLoad } from './text-packer.ts'

/** What a stream says when nobody will read it any more. */
const GONE = ['EPIPE', 'EIO', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']

export class StreamPlace implements Place<TextLoad> {
  readonly #stream: Writable
  readonly #name: string
  #onError: (error: NodeJS.ErrnoException) => void = () => {}

  /** Opens a named pipe that somebody reads. Throws DISK_REFUSED: ENXIO where nobody does. */
  static openPipe(path: string): StreamPlace {
    let fd: number
    try {
      fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
    } catch (error) {
      throw refusedPath(path, error)
    }
    return new StreamPlace(new Socket({ fd, readable: false, writable: true }), path)
  }

  constructor(stream: Writable, name = 'standard output') {
    this.#stream = stream
    this.#name = name
    // A write that fails says so to its callback, too.
    stream.on('error', error => this.#onError(error))
  }

  store(load: TextLoad, signal: AbortSignal): Promise<null> {
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
        resolve(null)
      })
    })
  }

  stalled(limitS: number): NslabError {
    const reason = `its reader took nothing for ${limitS} s`
    return new NslabError('DISK_REFUSED', { path: this.#name, reason, errno: 'EAGAIN' })
  }

  async close(): Promise<void> {
    // What it has not taken by now would keep the process.
    this.#onError = () => {}
    if (this.#stream !== process.stdout) this.#stream.destroy()
  }
}
