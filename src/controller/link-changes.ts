// Changes of links that `nslab run` asks for: each is answered once, when the node has it, or with why it has not.

import * as v from 'valibot'
import { shapeSchema } from '../config/traffic-schema.ts'
import type { Command, Notice } from '../protocol/steering.ts'
import type { LinkOutcome } from './links.ts'

/** As long as for a peer that is asked whether it lives: far more than a busy host needs. */
const ANSWER_DEADLINE_MS = 5_000

type SetLink = Extract<Command, { do: 'set_link' }>
type LinkSet = Extract<Notice, { is: 'link_set' }>

export interface LinkChangesOptions {
  /** Traffic.changeLink. */
  readonly change: (nodeId: number, peerId: number, shape: SetLink['shape'], change: number) => LinkOutcome
  readonly send: (notice: LinkSet) => void
  /** Multiplies the deadline; default 1. */
  readonly timeScale?: number
}

export class LinkChanges {
  readonly #options: LinkChangesOptions
  readonly #deadlineMs: number
  /** Asked and not answered, by number. */
  readonly #open = new Map<number, { readonly nodeId: number; readonly timer: NodeJS.Timeout }>()

  constructor(options: LinkChangesOptions) {
    this.#options = options
    this.#deadlineMs = ANSWER_DEADLINE_MS * (options.timeScale ?? 1)
  }

  ask({ change, node_id: nodeId, peer_id: peerId, shape }: SetLink): void {
    const parsed = v.safeParse(shapeSchema, shape)
    if (!parsed.success) {
      const [issue] = parsed.issues
      this.#answer(change, `${v.getDotPath(issue) ?? 'the shape'} must be ${issue.message}`)
      return
    }
    const outcome = this.#options.change(nodeId, peerId, parsed.output, change)
    if (outcome === 'unknown') {
      this.#answer(change, `the plan has no link from node ${nodeId} to node ${peerId}`)
    } else if (outcome === 'away') {
      this.#answer(change, `node ${nodeId} is not connected, or not all nodes are; it will be told once that is so`)
    } else {
      const late = `node ${nodeId} was told, and has not answered for ${this.#deadlineMs / 1000} s`
      this.#open.set(change, { nodeId, timer: setTimeout(() => this.#answer(change, late), this.#deadlineMs) })
    }
  }

  /** The node has it. */
  done(nodeId: number, change: number): void {
    if (this.#open.get(change)?.nodeId === nodeId) this.#answer(change)
  }

  /** The node has left. What it was told holds when it comes back. */
  left(nodeId: number): void {
    for (const [change, open] of this.#open)
      if (open.nodeId === nodeId)
        this.#answer(change, `node ${nodeId} left before it answered; it will be told when it comes back`)
  }

  close(): void {
    for (const { timer } of this.#open.values()) clearTimeout(timer)
    this.#open.clear()
  }

  #answer(change: number, problem?: string): void {
    clearTimeout(this.#open.get(change)?.timer)
    this.#open.delete(change)
    this.#options.send({ is: 'link_set', change, ...(problem === undefined ? {} : { problem }) })
  }
}
