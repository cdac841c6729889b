// A shell on a guest's console for somebody at lab.sock: one at a time, because there is one console.

import type { Duplex } from 'node:stream'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { NslabError } from '../../base/errors.ts'
import type { GuestChannel } from '../../vm/guest-channel.ts'
import { execInGuest } from '../../vm/guest-files.ts'
import { type GuestCommand, kill } from './command.ts'
import type { LabVm } from './lab.ts'

/** The guest's end of the console. */
const CONSOLE = '/dev/hvc0'
/** What the shell said last comes by another way than its end, some moments before or after. */
const QUIET_MS = 100
/** Somebody types before the shell has said anything: it may say nothing at all. */
const PROMPT_LIMIT_MS = 20_000

export interface WindowSize {
  readonly rows: number
  readonly columns: number
}

export interface ShellRequest extends WindowSize {
  readonly term: string
}

/**
 * Starts a shell on the console of `vm`, which is in `consoles` until it has ended. Throws VM_REFUSED where somebody
 * else is there, KERNEL_REFUSED, and why the channel ended; `tty` is then closed.
 */
export async function startShell(
  { facts, channel, shell }: LabVm,
  request: ShellRequest,
  tty: Duplex,
  consoles: Set<Duplex>,
): Promise<GuestCommand> {
  if (consoles.has(shell)) {
    tty.destroy()
    const reason = 'somebody is at its console; nslab exec --vm works beside that'
    throw new NslabError('VM_REFUSED', { vm: facts.name, operation: 'shell', reason })
  }
  consoles.add(shell)
  const process = channel.newNumber()
  const exit = channel.exitOf(process)
  const line = new ConsoleLine(shell, tty)
  const leave = (): void => {
    line.close()
    consoles.delete(shell)
  }
  try {
    const { pid } = await channel.call('open_shell', { process, ...request })
    return {
      channel,
      pid,
      ended: exit
        .then(async ({ status, code }) => {
          await line.quiet()
          return { status, code }
        })
        .finally(leave),
      signal: signal => kill(channel, process, signal),
    }
  } catch (error) {
    channel.forget(process)
    leave()
    throw error
  }
}

/** The terminal in front of the console has another size now. Throws what running a command does. */
export async function resizeShell(channel: GuestChannel, { rows, columns }: WindowSize): Promise<void> {
  await execInGuest(channel, ['stty', '-F', CONSOLE, 'rows', String(rows), 'cols', String(columns)])
}

/** Text of the console to the user and back, neither faster than it is read. */
class ConsoleLine {
  readonly #console: Duplex
  readonly #tty: Duplex
  readonly #onText = (text: Buffer): void => this.#hear(text)
  /** What is typed before the shell reads would be taken for what an earlier one left, and thrown away. */
  readonly #unheard: NodeJS.Timeout
  #heardMs = performance.now()
  #isListening = false

  constructor(console: Duplex, tty: Duplex) {
    this.#console = console
    this.#tty = tty
    this.#unheard = setTimeout(() => this.#listen(), PROMPT_LIMIT_MS)
    console.on('data', this.#onText)
  }

  #hear(text: Buffer): void {
    this.#heardMs = performance.now()
    this.#listen()
    if (this.#tty.write(text) || this.#tty.destroyed) return
    this.#console.pause()
    const go = (): void => void this.#console.resume()
    this.#tty.once('drain', go).once('close', go)
  }

  #listen(): void {
    if (this.#isListening) return
    this.#isListening = true
    clearTimeout(this.#unheard)
    this.#tty.on('data', (typed: Buffer) => {
      if (this.#console.write(typed)) return
      this.#tty.pause()
      this.#console.once('drain', () => this.#tty.resume())
    })
  }

  /** Resolves when nothing has been said for a moment, counted from now. */
  async quiet(): Promise<void> {
    this.#heardMs = performance.now()
    for (;;) {
      const leftMs = this.#heardMs + QUIET_MS - performance.now()
      const isWaiting = this.#console.isPaused()
      if ((leftMs <= 0 && !isWaiting) || this.#tty.destroyed || this.#console.destroyed) return
      await sleep(Math.max(leftMs, QUIET_MS / 10))
      // Where this process stood still, the time is over before what lies in the stream has been read.
      await setImmediate()
    }
  }

  close(): void {
    clearTimeout(this.#unheard)
    // Somebody must read it, or the guest stops writing.
    this.#console.off('data', this.#onText).resume()
    this.#tty.end()
    this.#tty.resume()
  }
}
