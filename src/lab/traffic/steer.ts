// What people do to the links of a run that goes on: change how they are shaped, and have their packets copied.

import { statSync } from 'node:fs'
import { NslabError } from '../../base/errors.ts'
import type { LinkChange, LinkMeasured, LinkNow } from '../../protocol/lab.ts'
import type { Command, Notice } from '../../protocol/steering.ts'
import type { LinkMeasure, LinkShape } from '../../protocol/traffic.ts'
import type { RunContext } from '../run/context.ts'
import { DEADLINE_SCALE } from '../run/deadlines.ts'
import type { Hosts, RunHost } from '../run/hosts.ts'
import type { Program } from '../run/program.ts'
import { hostOf } from '../run/run-lab.ts'
import type { Ground } from '../site/ground.ts'
import type { CaptureAsk, CaptureEnd, LinkAsk, LinkSteering, OpenCapture, ProbeAsk } from '../visit/lab.ts'

/** Above the controller's own, which says more. */
const PROBE_LIMIT_S = 45

/** A node that is well has its link changed in milliseconds. */
const ANSWER_LIMIT_S = 10

export class RunSteering implements LinkSteering {
  readonly #context: RunContext
  readonly #ground: Ground
  readonly #hosts: Hosts
  /** Places where packets are copied: one file each. */
  readonly #captured = new Set<string>()
  #number = 0

  constructor(context: RunContext, ground: Ground, hosts: Hosts) {
    this.#context = context
    this.#ground = ground
    this.#hosts = hosts
  }

  async link({ nodeId, peerId, both, change, clear }: LinkAsk): Promise<readonly LinkNow[]> {
    this.#requireLink(nodeId, peerId)
    const directions = [[nodeId, peerId] as const, ...(both ? [[peerId, nodeId] as const] : [])]
    const now: LinkNow[] = []
    for (const [from, to] of directions) {
      const before = await this.#shapeOf(from, to)
      if (change === null && !clear) {
        now.push({ node_id: from, peer_id: to, shape: before })
        continue
      }
      const shape = changed(clear ? {} : before, change ?? {})
      await this.#setLink(from, to, shape)
      now.push({ node_id: from, peer_id: to, shape })
    }
    return now
  }

  async #shapeOf(nodeId: number, peerId: number): Promise<LinkShape> {
    const ask = this.#next()
    const { shape } = await this.#ask(
      this.#controller(),
      { do: 'link_now', ask, node_id: nodeId, peer_id: peerId },
      notice => (notice.is === 'link_now' && notice.ask === ask ? notice : null),
    )
    return shape
  }

  async #setLink(nodeId: number, peerId: number, shape: LinkShape): Promise<void> {
    const change = this.#next()
    const { problem } = await this.#ask(
      this.#controller(),
      { do: 'set_link', change, node_id: nodeId, peer_id: peerId, shape },
      notice => (notice.is === 'link_set' && notice.change === change ? notice : null),
    )
    const facts = { node_id: nodeId, peer_id: peerId, ...shape }
    this.#context.folder.ledger.done('link_set', problem === undefined ? facts : { ...facts, problem })
    if (problem !== undefined)
      throw new NslabError('USAGE', { problem: `the link from node ${nodeId} to ${peerId} is as it was: ${problem}` })
  }

  async probe({ nodeId, peerId, both, bytes }: ProbeAsk): Promise<readonly LinkMeasured[]> {
    this.#requireLink(nodeId, peerId)
    const measured: LinkMeasured[] = []
    for (const [from, to] of [[nodeId, peerId] as const, ...(both ? [[peerId, nodeId] as const] : [])])
      measured.push({ node_id: from, peer_id: to, ...(await this.#measure(from, to, bytes)) })
    return measured
  }

  async #measure(nodeId: number, peerId: number, bytes: number): Promise<LinkMeasure> {
    const probe = this.#next()
    const answer = await this.#ask(
      this.#controller(),
      { do: 'probe', probe, node_id: nodeId, peer_id: peerId, bytes },
      notice => (notice.is === 'probed' && notice.probe === probe ? notice : null),
      PROBE_LIMIT_S,
    )
    const { ledger } = this.#context.folder
    const at = { node_id: nodeId, peer_id: peerId, bytes }
    ledger.done('probe', { ...at, ...('problem' in answer ? { problem: answer.problem } : answer.result) })
    if ('result' in answer) return answer.result
    const problem = `the link from node ${nodeId} to ${peerId} was not measured: ${answer.problem}`
    throw new NslabError('USAGE', { problem })
  }

  async capture({ nodeId, peerId, bytesMax }: CaptureAsk): Promise<OpenCapture> {
    if (peerId === 0) hostOf(this.#context, this.#hosts, nodeId)
    else this.#requireLink(nodeId, peerId)
    const host = hostOf(this.#context, this.#hosts, nodeId)
    const dataplane = host.programs.get('dataplane')
    const site = this.#ground.siteOf(host.plan)
    if (dataplane === undefined || site === null)
      throw new NslabError('USAGE', { problem: `node ${nodeId} is not there now`, hint: 'Its host may be starting.' })
    const place = `${nodeId}-${peerId}`
    if (this.#captured.has(place)) {
      const what = peerId === 0 ? `links of node ${nodeId}` : `link from node ${nodeId} to ${peerId}`
      throw new NslabError('USAGE', { problem: `somebody captures the ${what} already` })
    }
    this.#captured.add(place)
    const number = this.#next()
    const name = `capture-${number}-node-${place}.pcap`
    const path = this.#context.folder.file(name)
    const at = { capture: number, node_id: nodeId, peer_id: peerId }
    const isAnswer = (notice: Notice): Captured | null =>
      notice.is === 'captured' && notice.capture === number ? notice : null
    try {
      const begin: Command = { do: 'capture', ...at, path: site.pathOf(name), bytes_max: bytesMax }
      const { problem } = await this.#ask(dataplane, begin, isAnswer)
      if (problem !== undefined) throw new NslabError('USAGE', { problem: `nothing is captured: ${problem}` })
    } catch (error) {
      this.#captured.delete(place)
      throw error
    }
    const close = async (): Promise<CaptureEnd> => {
      try {
        // A fleet that a fault has taken away meanwhile has ended it by itself.
        if (isThere(host, dataplane)) await this.#ask(dataplane, { do: 'end_capture', ...at }, isAnswer)
        await site.fetch(name, path)
        return { path, bytes: statSync(path).size }
      } finally {
        this.#captured.delete(place)
      }
    }
    let ending: Promise<CaptureEnd> | null = null
    const end = (): Promise<CaptureEnd> => {
      ending ??= close()
      return ending
    }
    return { path, end }
  }

  #requireLink(nodeId: number, peerId: number): void {
    for (const id of [nodeId, peerId]) hostOf(this.#context, this.#hosts, id)
    const { edges } = this.#context.plan.topology
    const peers = edges.flatMap(([a, b]) => (a === nodeId ? [b] : b === nodeId ? [a] : []))
    if (peers.includes(peerId)) return
    const problem = `nodes ${nodeId} and ${peerId} are not neighbours`
    const known = peers.sort((a, b) => a - b)
    const hint = known.length === 0 ? `Node ${nodeId} has no links.` : `Node ${nodeId} has links to ${listed(known)}.`
    throw new NslabError('USAGE', { problem, hint, known })
  }

  #controller(): Program {
    const { controller } = this.#hosts
    if (controller !== undefined) return controller
    throw new NslabError('USAGE', { problem: 'the run has no controller now' })
  }

  async #ask<Answer>(
    program: Program,
    command: Command,
    isAnswer: (notice: Notice) => Answer | null,
    patienceS = ANSWER_LIMIT_S,
  ): Promise<Answer> {
    const found: { answer: Answer | null } = { answer: null }
    const start = (done: () => void): (() => void) => {
      const stop = program.onNotice(notice => {
        found.answer ??= isAnswer(notice)
        if (found.answer !== null) done()
      })
      program.send(command)
      return stop
    }
    const limitS = patienceS * DEADLINE_SCALE[this.#context.level]
    await this.#context.until(start, limitS, () => {
      const waitingFor = `an answer to "${command.do}"`
      return new NslabError('DEADLINE', { waitingFor, limitS, missing: program.name })
    })
    return found.answer as Answer
  }

  #next(): number {
    this.#number += 1
    return this.#number
  }
}

type Captured = Extract<Notice, { is: 'captured' }>

/** Whether the host still has that program, and not another after a fault. */
const isThere = ({ programs }: RunHost, program: Program): boolean => programs.get('dataplane') === program

const NAMED_MAX = 20

const listed = (ids: readonly number[]): string =>
  `${ids.slice(0, NAMED_MAX).join(', ')}${ids.length > NAMED_MAX ? ` and ${ids.length - NAMED_MAX} more` : ''}`

/** Throws USAGE for what does not fit together. */
function changed(before: LinkShape, change: LinkChange): LinkShape {
  const given = Object.entries({ ...before, ...change }).filter(([, value]) => value !== null)
  const shape = Object.fromEntries(given) as LinkShape
  if (shape.bucket_size !== undefined && shape.rate === undefined) {
    // One that loses its rate loses what depends on it.
    if (change.bucket_size === undefined) {
      const { bucket_size: _, ...rest } = shape
      return rest
    }
    throw new NslabError('USAGE', { problem: 'a burst needs a rate: it is the depth of its token bucket' })
  }
  if ((shape.reorder_ratio ?? 0) > 0 && !shape.delay_s && !shape.jitter_s)
    throw new NslabError('USAGE', {
      problem: 'reordering needs a delay or jitter: a packet is early where others wait',
    })
  return shape
}
