// What one runner has under way in a guest: its streams, its processes, its site. All of it ends with the session.

import { once } from 'node:events'
import { type ByteStream, ByteStreams } from '../../protocol/byte-streams.ts'
import type { FromGuest, GuestNotice } from '../../vm/guest-calls.ts'
import type { ProcessEnd } from '../../vm/site-calls.ts'

export class Session {
  readonly streams: ByteStreams
  /** Whatever else is to be ended, and awaited, when the session ends. */
  readonly onEnd = new Set<() => Promise<void> | void>()
  readonly #send: (message: FromGuest) => void
  readonly #kills = new Map<number, (signal: NodeJS.Signals) => void>()
  #isOver = false

  constructor(send: (message: FromGuest) => void) {
    // What is late for a runner that is gone would only puzzle the next one.
    this.#send = message => {
      if (!this.#isOver) send(message)
    }
    this.streams = new ByteStreams(piece => this.#send(piece))
  }

  get isOver(): boolean {
    return this.#isOver
  }

  tell(message: GuestNotice): void {
    this.#send(message)
  }

  /** Opens the stream a call has named. */
  stream(number: number, way: 'in' | 'out' | 'both'): ByteStream {
    const stream = this.streams.open(number, way)
    // The runner gave it up, or is gone: whoever uses the stream sees its close.
    stream.on('error', () => {})
    return stream
  }

  /**
   * A process was started: `kill` reaches it until `end` is settled, which is told once all it has `said` has left.
   */
  watch(
    number: number,
    kill: (signal: NodeJS.Signals) => void,
    end: Promise<ProcessEnd>,
    said: readonly ByteStream[],
  ): void {
    this.#kills.set(number, kill)
    void end.then(async ({ status, code }) => {
      await Promise.all(said.map(finished))
      this.#kills.delete(number)
      this.tell({ is: 'exit', process: number, status, code })
    })
  }

  kill(number: number, signal: NodeJS.Signals): void {
    this.#kills.get(number)?.(signal)
  }

  async end(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    for (const kill of this.#kills.values()) kill('SIGKILL')
    this.#kills.clear()
    this.streams.destroy()
    for (const end of this.onEnd) await end()
  }
}

/** Resolves when the stream was ended and all of it has left, or when nobody wants it any more. */
async function finished(stream: ByteStream): Promise<void> {
  if (stream.destroyed) return
  // What the runner still sends is for nobody.
  stream.resume()
  if (stream.writableFinished) return
  stream.end()
  await Promise.race([once(stream, 'finish'), once(stream, 'close')])
}
