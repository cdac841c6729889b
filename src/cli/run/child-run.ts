// `nslab run` as a process of its own, for commands that need several runs: selfcheck, --shrink, one a kernel.

import { type StdioOptions, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { startProcess } from '../../base/start-process.ts'

/** nslab's own program and the words before its command. */
export type Nslab = readonly [string, ...string[]]

export interface ChildRunRequest {
  /** What follows `nslab run`. */
  readonly args: readonly string[]
  /** Their reasons are signals' names, passed on once each: the first ends the run in order, the second at once. */
  readonly signals: readonly AbortSignal[]
  /** It gets SIGKILL then; absent: never. */
  readonly limitS?: number
  /** Whether it speaks to our own terminal; else its last words are kept. */
  readonly isShown?: boolean
  /** Absent: this one. */
  readonly program?: Nslab | undefined
}

export interface ChildRunEnd {
  /** Null: a signal ended it. */
  readonly code: number | null
  /** "exit 3", "killed by SIGKILL". */
  readonly status: string
  /** Of standard error, unless it was shown. */
  readonly lastWords: string
}

const cliPath = fileURLToPath(new URL('../main.js', import.meta.url))
const launcherPath = fileURLToPath(new URL('../../../native/build/Release/nslab-launch', import.meta.url))
const LAST_CHARS = 4000

/**
 * Runs it to its end. It has a session of its own, for a terminal's signal would reach it twice, which ends it at once;
 * where we are killed, it ends in order. Throws KERNEL_REFUSED where it could not be started.
 */
export async function runChild(request: ChildRunRequest): Promise<ChildRunEnd> {
  const { args, signals, limitS, isShown = false, program = [process.execPath, cliPath] } = request
  const death = ['--parent-death', String(constants.signals.SIGTERM), String(process.pid)]
  const stdio: StdioOptions = isShown ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'ignore', 'pipe']
  const words = [...death, '--', ...program, 'run', ...args]
  const child = startProcess('nslab run', () => spawn(launcherPath, words, { stdio, detached: true }))
  let said = ''
  if (!isShown)
    (child.stderr as Readable).setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-LAST_CHARS)
    })
  const over = new AbortController()
  for (const signal of signals) {
    const pass = (): void => void child.kill(signal.reason as NodeJS.Signals)
    if (signal.aborted) pass()
    else signal.addEventListener('abort', pass, { once: true, signal: over.signal })
  }
  const limit = limitS === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), limitS * 1000)
  return new Promise<ChildRunEnd>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, by) =>
      resolve({ code, status: by === null ? `exit ${code}` : `killed by ${by}`, lastWords: said.trim() }),
    )
  }).finally(() => {
    clearTimeout(limit)
    over.abort()
  })
}
