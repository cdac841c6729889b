// A line of JSON each way over one descriptor: how `nslab run` steers controller and dataplane.
// The same lines will travel over a guest's serial channel; nothing here knows about processes.

import type { Duplex } from 'node:stream'

/** Largest line accepted; a peer that sends more is broken. */
const LINE_BYTES_MAX = 16 * 1024 * 1024

/**
 * How long a posted message may wait for company: a write and a wake-up of the other side cost more than the message.
 */
const LINGER_MS = 20

/** Sends and receives JSON lines, in order. */
export class Channel<Out, In> {
  readonly #stream: Duplex
  readonly #onMessage: (message: In) => void
  readonly #onGarbage: ((line: string) => void) | undefined
  /** Of the line that has no end yet. */
  #pieces: string[] = []
  #piecesLength = 0
  #pending: string[] = []
  #soon: NodeJS.Immediate | null = null
  #later: NodeJS.Timeout | null = null

  /**
   * `onEnd` is called once, with an error when the stream broke or a line was not JSON. With `onGarbage` such a line is
   * handed there instead: a stream that outlives its speakers may hold the first half of what one of them said.
   */
  constructor(
    stream: Duplex,
    onMessage: (message: In) => void,
    onEnd: (error?: Error) => void,
    onGarbage?: (line: string) => void,
  ) {
    this.#stream = stream
    this.#onMessage = onMessage
    this.#onGarbage = onGarbage
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

  /** Leaves at the end of this turn of the event loop, with everything before it. */
  send(message: Out): void {
    this.#pending.push(JSON.stringify(message))
    if (this.#soon === null) this.#soon = setImmediate(() => this.flush())
  }

  /**
   * For messages that say when they were made and that nobody waits for: they leave together, LINGER_MS later at most.
   */
  post(message: Out): void {
    this.#pending.push(JSON.stringify(message))
    this.#later ??= setTimeout(() => this.flush(), LINGER_MS)
  }

  /** Hands everything sent so far to the stream now. */
  flush(): void {
    if (this.#soon !== null) clearImmediate(this.#soon)
    if (this.#later !== null) clearTimeout(this.#later)
    this.#soon = null
    this.#later = null
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
    const lines = chunk.split('\n')
    const last = lines.pop() as string
    if (lines.length > 0) {
      // A long line comes in many pieces: they are put together once.
      lines[0] = `${this.#pieces.join('')}${lines[0]}`
      this.#pieces = []
      this.#piecesLength = 0
    }
    if (last !== '') this.#pieces.push(last)
    this.#piecesLength += last.length
    if (this.#piecesLength > LINE_BYTES_MAX) throw new Error(`channel: a line of over ${LINE_BYTES_MAX} bytes`)
    for (const line of lines) if (line !== '') this.#take(line)
  }

  #take(line: string): void {
    let message: In
    try {
      message = JSON.parse(line) as In
    } catch (error) {
      if (this.#onGarbage === undefined) throw error
      this.#onGarbage(line)
      return
    }
    this.#onMessage(message)
  }
}
