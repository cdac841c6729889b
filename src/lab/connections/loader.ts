// The program that opens and holds the connections (native/connections), asked one thing at a time. It ends with its
// standard input, and with this process in any case; the kernel then drops its namespaces.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { NslabError } from '../../base/errors.ts'
import { startProcess } from '../../base/start-process.ts'
import type { ConnectionsLayout } from './fit.ts'

export const loaderPath: string = fileURLToPath(
  new URL('../../../native/build/Release/nslab-connections', import.meta.url),
)

/** How far the loader is: sums over its processes. */
export interface Pulse {
  /** CLOCK_MONOTONIC of its kernel. */
  readonly t_s: number
  readonly connected: number
  readonly accepted: number
  readonly lost: number
  readonly closed: number
}

/** What it counts itself beside what the kernel lists (inet_diag) and counts (/proc/net) in all its namespaces. */
export interface Count {
  readonly connected: number
  readonly accepted: number
  readonly lost: number
  /** Two for a connection. */
  readonly established_sockets: number
  readonly established_counter: number
  readonly time_wait_sockets: number
  readonly time_wait_counter: number
  readonly time_wait_overflow: number
}

export interface Answers {
  readonly ready: { readonly namespaces: number; readonly workers: number }
  readonly open: {
    readonly took_s: number
    readonly connected: number
    readonly accepted: number
    readonly failed: number
    /** The first failure of each worker that had one; it asked for nothing more after it. */
    readonly failures: readonly { readonly worker: number; readonly operation: string; readonly errno: string }[]
  }
  readonly count: Count
  readonly prove: { readonly took_s: number; readonly proven: number }
  readonly close: { readonly took_s: number; readonly closed: number }
}

type Line =
  | { [K in keyof Answers]: { readonly is: K } & Answers[K] }[keyof Answers]
  | ({ readonly is: 'pulse' } & Pulse)
  | {
      readonly is: 'error'
      readonly operation: string
      readonly where: string
      readonly errno: string
      readonly reason: string
    }

interface Waiting {
  readonly resolve: (line: Line) => void
  readonly reject: (error: Error) => void
}

const wordsOf = (layout: ConnectionsLayout): string[] => [
  ...['--count', String(layout.count), '--namespaces', String(layout.namespaces)],
  ...['--workers', String(layout.workers), '--layout', layout.layout],
  ...['--per-listener', String(layout.per_listener), '--open-files', String(layout.descriptors_count)],
  ...(layout.rate_per_s === null ? [] : ['--rate', String(layout.rate_per_s)]),
  ...['--parent', String(process.pid)],
]

/** The loader's own last line where it is an error of the kernel's; else how it ended. */
export function refusedBy(said: string, status: string, lastWords: string): NslabError {
  const last = said.trimEnd().split('\n').at(-1) ?? ''
  if (last.startsWith('{"is":"error"')) {
    const { operation, where, errno, reason } = JSON.parse(last) as Extract<Line, { is: 'error' }>
    return new NslabError('KERNEL_REFUSED', { operation, where, errno, reason })
  }
  return new NslabError('PROCESS_ENDED', { process: 'nslab-connections', status, lastWords: lastWords.trim() })
}

export class ConnectionLoader {
  /** Resolves when the namespaces are made and everything listens. Rejects with KERNEL_REFUSED or PROCESS_ENDED. */
  readonly ready: Promise<unknown>
  /** Resolves with the exit status in words. */
  readonly exited: Promise<string>
  /** Rejects when it ends before it was told to; never resolves. */
  readonly failed: Promise<never>
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting: Waiting[] = []
  #error = ''
  #words = ''
  #ended: NslabError | null = null
  #ending = false

  constructor(layout: ConnectionsLayout, onPulse: (pulse: Pulse) => void) {
    // A session of its own: a terminal's Ctrl-C is for this process, which ends the loader in order.
    const child = startProcess('nslab-connections', () =>
      spawn(loaderPath, wordsOf(layout), { stdio: ['pipe', 'pipe', 'pipe'], detached: true }),
    )
    this.#child = child
    let fail = (_error: Error): void => {}
    this.failed = new Promise((_resolve, reject) => {
      fail = reject
    })
    this.failed.catch(() => {})
    createInterface(child.stdout).on('line', text => {
      const line = JSON.parse(text) as Line
      if (line.is === 'pulse') onPulse(line)
      else if (line.is === 'error') this.#error = text
      else this.#waiting.shift()?.resolve(line)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#words += text
    })
    // Writing to one that has ended says so by 'close' as well.
    child.stdin.on('error', () => {})
    this.ready = this.#answer()
    this.ready.catch(() => {})
    this.exited = new Promise(resolve => {
      const end = (status: string): void => {
        if (this.#ended !== null) return
        this.#ended = refusedBy(this.#error, status, this.#words)
        for (const { reject } of this.#waiting.splice(0)) reject(this.#ended)
        if (!this.#ending) fail(this.#ended)
        resolve(status)
      }
      child.on('error', error => end(error.message))
      child.on('close', (code, signal) => end(signal === null ? `exit ${code}` : `killed by ${signal}`))
    })
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** Rejects with KERNEL_REFUSED, or PROCESS_ENDED where the loader or a worker of its is gone. */
  async ask<K extends 'open' | 'count' | 'prove' | 'close'>(word: K): Promise<Answers[K]> {
    const answer = this.#answer()
    this.#child.stdin.write(`${word}\n`)
    return (await answer) as unknown as Answers[K]
  }

  /** Ends it at once. */
  kill(): void {
    this.#ending = true
    this.#child.kill('SIGKILL')
  }

  /** Ends it, and with it every connection and namespace. */
  async stop(): Promise<void> {
    this.#ending = true
    this.#child.stdin.end()
    await this.exited
  }

  #answer(): Promise<Line> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) reject(this.#ended)
      else this.#waiting.push({ resolve, reject })
    })
  }
}
