// The processes that a user's program in the observer's place has started, directly or not: behind a shell or a
// supervisor it is one of them that observes. Which of them stay, and which of those end, is told; what it runs for a
// moment is not. A look costs a list of /proc, and small files of the program's own processes and of each new one.

import { listPids } from '../../base/netns-holders.ts'
import { OBSERVER_VARIABLE } from '../../base/run-mark.ts'
import type { ObservedLine } from '../../protocol/observed.ts'
import { isAlive, type ProcessStat, readStat } from '../proc/proc.ts'
import { variableOf } from '../proc/process-table.ts'

/** What lives so long stays: to ask some hundred namespaces one by one with `ss` takes a helper seconds. */
const STAYS_S = 5
/** The kernel cuts a task's name there. */
const COMM_CHARS = 15

interface Member {
  readonly pid: number
  readonly start_ticks: number
  /** Whoever of the tree started it, the first process where that one has ended already. */
  parentPid: number
  /** Between fork and exec its parent's. */
  name: string
  readonly firstS: number
  lastS: number
  isTold: boolean
}

export interface ObserverTreeOptions {
  /** Names of programs of which none is told, however long it lives. */
  readonly helpers: readonly string[]
  /** Of OBSERVER_VARIABLE, in the first process' environment. */
  readonly mark: string
  readonly nowS: () => number
  readonly emit: (line: ObservedLine) => void
}

export class ObserverTree {
  readonly #options: ObserverTreeOptions
  readonly #helpers: ReadonlySet<string>
  /** All but the first process, in the order in which they were found: parents before children. */
  readonly #members = new Map<number, Member>()
  /** Processes that are none of the tree's, which were asked once. */
  readonly #strangers = new Set<number>()
  /** Of those that were told: whoever comes there next is told at once. */
  readonly #places = new Set<string>()

  constructor(options: ObserverTreeOptions) {
    this.#options = options
    this.#helpers = new Set(options.helpers.map(name => name.slice(0, COMM_CHARS)))
  }

  get pids(): readonly number[] {
    return [...this.#members.keys()]
  }

  /** Those that stay. */
  get stayingPids(): readonly number[] {
    return [...this.#members.values()].flatMap(({ pid, isTold }) => (isTold ? pid : []))
  }

  /** `rootPid`: the first process, 0 while there is none. */
  look(rootPid: number): void {
    const nowS = this.#options.nowS()
    const ended = [...this.#members.values()].filter(member => !isAlive(member))
    for (const { pid } of ended) this.#members.delete(pid)
    for (const member of ended) this.#tellEnd(member, rootPid, nowS)
    this.#adopt(ended, rootPid)
    this.#findNew(rootPid, nowS)
    for (const member of this.#members.values()) {
      member.lastS = nowS
      this.#tellThatStays(member, nowS)
    }
  }

  #findNew(rootPid: number, nowS: number): void {
    const pids = listPids()
    const listed = new Set(pids)
    for (const pid of this.#strangers) if (!listed.has(pid)) this.#strangers.delete(pid)
    for (const pid of pids) {
      if (pid === rootPid || this.#members.has(pid) || this.#strangers.has(pid)) continue
      const stat = readStat(pid)
      // One that has ended stays listed until its parent asks how.
      if (stat === null || stat.state === 'Z' || stat.state === 'X') continue
      // Process 1 of a PID namespace has the parent 0, and is no child of a program that is not there.
      const isChild = stat.parentPid !== 0 && (stat.parentPid === rootPid || this.#members.has(stat.parentPid))
      if (!isChild && variableOf(pid, OBSERVER_VARIABLE) !== this.#options.mark) this.#strangers.add(pid)
      else this.#members.set(pid, memberOf(stat, isChild ? stat.parentPid : rootPid, nowS))
    }
  }

  /** Whose parent has ended before them. */
  #adopt(ended: readonly Member[], rootPid: number): void {
    if (ended.length === 0) return
    const gone = new Set(ended.map(({ pid }) => pid))
    for (const member of this.#members.values()) if (gone.has(member.parentPid)) member.parentPid = rootPid
  }

  #tellThatStays(member: Member, nowS: number): void {
    const { pid, start_ticks, parentPid, firstS } = member
    if (member.isTold) return
    member.name = readStat(pid)?.comm ?? member.name
    const place = `${parentPid} ${member.name}`
    if (this.#helpers.has(member.name) || (nowS - firstS < STAYS_S && !this.#places.has(place))) return
    member.isTold = true
    this.#places.add(place)
    const { name } = member
    this.#options.emit({ is: 'child_stays', t_s: nowS, first_s: firstS, pid, start_ticks, parent_pid: parentPid, name })
  }

  #tellEnd({ pid, start_ticks, parentPid, lastS, isTold }: Member, rootPid: number, nowS: number): void {
    if (!isTold) return
    const parent_lives = this.#members.has(parentPid) || (parentPid === rootPid && isRunning(rootPid))
    this.#options.emit({ is: 'child_ended', t_s: nowS, last_s: lastS, pid, start_ticks, parent_lives })
  }
}

const memberOf = ({ pid, startTicks, comm }: ProcessStat, parentPid: number, nowS: number): Member => ({
  pid,
  start_ticks: startTicks,
  parentPid,
  name: comm,
  firstS: nowS,
  lastS: nowS,
  isTold: false,
})

const isRunning = (pid: number): boolean => !['Z', 'X', undefined].includes(readStat(pid)?.state)
