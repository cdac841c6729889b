// A line of JSON each way over one descriptor: how `nslab run` steers controller and dataplane.
// The same lines will travel over a guest's serial channel; nothing here knows about processes.

import type { Duplex } from 'node:stream'

/** Largest line accepted; a peer that sends more is broken. */
const LINE_BYTES_MAX = 16 * 1024 * 1024

/** Sends and receives JSON lines. Writes of one turn of the event loop leave in one write. */
export class Channel<Out, In> {
  readonly #stream: Duplex
  readonly #onMessage: (message: In) => void
  #rest = ''
  #pending: string[] = []

  /** `onEnd` is called once, with an error when the stream broke or a line was not JSON. */
  constructor(stream: Duplex, onMessage: (message: In) => void, onEnd: (error?: Error) => void) {
    this.#stream = stream
    this.#onMessage = onMessage
    let ended = false
    const end = (error?: Error): void => {
      if (ended) return
      ended = true
      onEnd(error)
    }
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => {
      try {
        this.#receive(chunk)
      } catch (error) {
        stream.destroy()
        end(error as Error)
      }
    })
    stream.on('error', end)
    stream.on('close', () => end())
  }

  send(message: Out): void {
    this.#pending.push(JSON.stringify(message))
    if (this.#pending.length === 1) setImmediate(() => this.flush())
  }

  /** Hands everything sent so far to the stream now. */
  flush(): void {
    if (this.#pending.length === 0 || this.#stream.destroyed) return
    const lines = `${this.#pending.join('\n')}\n`
    this.#pending = []
    this.#stream.write(lines)
  }

  /** Resolves when everything sent has left this process. */
  close(): Promise<void> {
    this.flush()
    return new Promise(resolve => (this.#stream.destroyed ? resolve() : this.#stream.end(resolve)))
  }

  #receive(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > LINE_BYTES_MAX) throw new Error(`channel: a line of over ${LINE_BYTES_MAX} bytes`)
    for (const line of lines) if (line !== '') this.#onMessage(JSON.parse(line) as In)
  }
}
