// QEMU's own protocol (QMP) over a stream: commands with deadlines, and events.
// Source: QEMU, docs/interop/qmp-spec.txt.

import type { Duplex } from 'node:stream'

import { Channel } from '../base/channel.ts'
import { NslabError } from '../base/errors.ts'

export interface QmpEvent {
  readonly event: string
  readonly data: Readonly<Record<string, unknown>>
}

interface QmpCommand {
  readonly execute: string
  readonly arguments?: object
  readonly id?: number
}

interface QmpMessage {
  readonly QMP?: object
  readonly event?: string
  readonly data?: Record<string, unknown>
  readonly id?: number
  readonly return?: unknown
  readonly error?: { readonly class: string; readonly desc: string }
}

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** A QMP connection. It hangs on its stream: when that ends, whatever waits is rejected. */
export class Qmp {
  /** Resolves when QEMU takes commands; rejects with VM_REFUSED when it is gone before. */
  readonly ready: Promise<void>
  /** Resolves when QEMU has closed the connection: it is ending. */
  readonly closed: Promise<void>
  readonly #vm: string
  readonly #channel: Channel<QmpCommand, QmpMessage>
  readonly #pending = new Map<number, Pending>()
  readonly #onEvent: (event: QmpEvent) => void
  #greeted = (): void => {}
  #nextId = 1
  #end: Error | null = null

  /** `vm`: its name, for messages. Events come in QEMU's order, the last ones while it ends. */
  constructor(vm: string, stream: Duplex, onEvent: (event: QmpEvent) => void) {
    this.#vm = vm
    this.#onEvent = onEvent
    const greeting = new Promise<void>((resolve, reject) => {
      this.#greeted = resolve
      this.#pending.set(0, { resolve: () => {}, reject })
    })
    let closed = (): void => {}
    this.closed = new Promise(resolve => {
      closed = resolve
    })
    this.#channel = new Channel<QmpCommand, QmpMessage>(
      stream,
      message => this.#receive(message),
      error => {
        this.#close(error)
        closed()
      },
    )
    this.ready = greeting.then(async () => void (await this.execute('qmp_capabilities', {}, 10_000)))
    this.ready.catch(() => {})
  }

  /**
   * Asks QEMU and resolves with its answer. Throws VM_REFUSED with QEMU's words, or because it is gone, and DEADLINE.
   */
  execute(command: string, args: object, deadlineMs: number): Promise<unknown> {
    if (this.#end !== null) return Promise.reject(this.#end)
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        // A late answer finds nobody.
        this.#pending.delete(id)
        const facts = {
          waitingFor: `QMP ${command} of ${this.#vm}`,
          limitS: deadlineMs / 1000,
          missing: ["QEMU's answer"],
        }
        reject(new NslabError('DEADLINE', facts))
      }, deadlineMs)
      const settle =
        <T>(how: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer)
          this.#pending.delete(id)
          how(value)
        }
      this.#pending.set(id, {
        resolve: settle(resolve),
        reject: settle(error => reject(this.#refusal(command, error))),
      })
      this.#channel.send({ execute: command, arguments: args, id })
    })
  }

  get isClosed(): boolean {
    return this.#end !== null
  }

  /** A command of QEMU's monitor for people, and what it prints. */
  async monitor(line: string, deadlineMs: number): Promise<string> {
    return String(await this.execute('human-monitor-command', { 'command-line': line }, deadlineMs))
  }

  #receive(message: QmpMessage): void {
    if (message.QMP !== undefined) {
      this.#pending.delete(0)
      this.#greeted()
    } else if (message.event !== undefined) this.#onEvent({ event: message.event, data: message.data ?? {} })
    else if (message.id !== undefined) {
      const { error } = message
      if (error === undefined) this.#pending.get(message.id)?.resolve(message.return)
      else this.#pending.get(message.id)?.reject(new Error(`${error.class}: ${error.desc}`))
    }
  }

  #close(cause: Error | undefined): void {
    this.#end = this.#refusal('connection', cause ?? new Error('QEMU has closed it'))
    for (const { reject } of this.#pending.values()) reject(this.#end)
    this.#pending.clear()
  }

  #refusal(operation: string, cause: Error): NslabError {
    if (cause instanceof NslabError) return cause
    return new NslabError(
      'VM_REFUSED',
      { vm: this.#vm, operation: `QMP ${operation}`, reason: cause.message },
      { cause },
    )
  }
}
