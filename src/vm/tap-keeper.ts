// The process that holds a tap segment's namespaces and does what the kernel needs for it (native/tap): one at a time,
// answered in order. It ends with its standard input, and with this process in any case.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { closeSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { NslabError } from '../base/errors.ts'
import { runMark } from '../base/run-mark.ts'
import { startProcess } from '../base/start-process.ts'
import { native } from '../native/addon.ts'
import { kernelError } from '../native/error.ts'

const { signals } = constants

const programPath = (name: string): string =>
  fileURLToPath(new URL(`../../native/build/Release/${name}`, import.meta.url))

/** Where the keeper finds its end of the socket: native/tap/main.cc. */
const HAND_OVER_FD = 3

/** Bits of a capability set: linux/capability.h. */
const CAP_NET_ADMIN = 12n
const CAP_SYS_ADMIN = 21n

/** Whether this process may make network namespaces and what is in them; else it needs a user namespace for it. */
function hasRights(): boolean {
  const set = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  const capabilities = BigInt(`0x${set}`)
  return [CAP_NET_ADMIN, CAP_SYS_ADMIN].every(bit => ((capabilities >> bit) & 1n) === 1n)
}

/** What the keeper was refused: facts of KERNEL_REFUSED. */
export interface Refusal {
  readonly operation: string
  readonly errno: string
  readonly reason: string
}

type Answer = { readonly ok: unknown } | { readonly error: Refusal }

/** Starts the keeper with `socket` as its end of the pair. */
function started(ownUser: boolean, mtu: number, socket: number, runId?: string): ChildProcessWithoutNullStreams {
  const options = [...(ownUser ? ['--user'] : []), '--net', '--close-fds-except', String(HAND_OVER_FD)]
  const parent = ['--parent-death', String(signals.SIGKILL), String(process.pid)]
  const words = [...parent, ...options, '--', programPath('nslab-tap'), String(mtu)]
  const stdio = ['pipe' as const, 'pipe' as const, 'pipe' as const, socket]
  const env = { ...process.env, ...runMark(runId) }
  const child = startProcess('nslab-tap', () => spawn(programPath('nslab-launch'), words, { stdio, env }))
  return child as ChildProcessWithoutNullStreams
}

export class TapKeeper {
  readonly #child: ChildProcessWithoutNullStreams
  /** Descriptors come over it. */
  readonly #socket: number
  readonly #waiting: ((answer: Answer | NslabError) => void)[] = []
  readonly #exited: Promise<void>
  #words = ''
  #ended: NslabError | null = null

  private constructor(ownUser: boolean, mtu: number, runId?: string) {
    const [ours, theirs] = native.descriptorSockets()
    this.#socket = ours
    try {
      this.#child = started(ownUser, mtu, theirs, runId)
    } catch (error) {
      closeSync(ours)
      throw error
    } finally {
      closeSync(theirs)
    }
    createInterface(this.#child.stdout).on('line', line => this.#waiting.shift()?.(JSON.parse(line) as Answer))
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#words += text
    })
    // Writing to one that has ended says so by 'close' as well.
    this.#child.stdin.on('error', () => {})
    this.#exited = new Promise(resolve => {
      const end = (status: string): void => {
        // One that could not be started says so twice.
        if (this.#ended !== null) return
        const facts = { process: 'nslab-tap', status, lastWords: this.#words.trim() }
        this.#ended = new NslabError('PROCESS_ENDED', facts)
        closeSync(this.#socket)
        for (const settle of this.#waiting.splice(0)) settle(this.#ended)
        resolve()
      }
      this.#child.on('error', error => end(error.message))
      this.#child.on('close', (code, signal) => end(signal ?? `exit ${code}`))
    })
  }

  /** Rejects with PROCESS_ENDED where namespaces are refused, with KERNEL_REFUSED where the bridge is. */
  static async start(segment: string, mtu: number, runId?: string): Promise<TapKeeper> {
    const keeper = new TapKeeper(!hasRights(), mtu, runId)
    await keeper.#answer(segment, () => {})
    return keeper
  }

  get pid(): number {
    return this.#child.pid as number
  }

  /** Sends one line of words. Rejects with KERNEL_REFUSED, or PROCESS_ENDED where the keeper is gone. */
  ask(segment: string, words: readonly (string | number)[]): Promise<unknown> {
    return this.#ask(segment, words, ok => ok)
  }

  /** A descriptor of a port's device, close-on-exec and the caller's. Rejects as ask() does. */
  open(segment: string, port: string): Promise<number> {
    // It was sent before the answer, and is taken with it: the next one is the next answer's.
    return this.#ask(segment, ['open', port], () => native.receiveDescriptor(this.#socket))
  }

  #ask<T>(segment: string, words: readonly (string | number)[], take: (ok: unknown) => T): Promise<T> {
    if (this.#ended !== null) return Promise.reject(this.#ended)
    this.#child.stdin.write(`${words.join(' ')}\n`)
    return this.#answer(segment, take)
  }

  #answer<T>(segment: string, take: (ok: unknown) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(answer => {
        if (answer instanceof NslabError) return reject(answer)
        if ('error' in answer) {
          return reject(new NslabError('KERNEL_REFUSED', { ...answer.error, where: `segment ${segment}` }))
        }
        try {
          resolve(take(answer.ok))
        } catch (error) {
          reject(kernelError(error) ?? error)
        }
      })
    })
  }

  /** The devices go when the last QEMU has gone, too. */
  async close(): Promise<void> {
    this.#child.stdin.end()
    await this.#exited
  }
}
