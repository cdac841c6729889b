// A memory control group for the observer alone: the kernel keeps its limit, and counts whom it killed for it. Version
// 1 of control groups and version 2.
// Source: the kernel's admin-guide/cgroup-v1/memory.rst and admin-guide/cgroup-v2.rst.

import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NslabError } from '../../base/errors.ts'
import { readOrNull } from '../../base/read-or-null.ts'
import { cgroupFolders } from '../proc/cgroup.ts'

/** A group with a process that ends can't be removed; that takes the kernel a moment. */
const REMOVE_TRIES = 100
const REMOVE_PAUSE_MS = 20

export interface MemoryFigures {
  /** Processes in it that the kernel killed for its limit. */
  readonly kills: number
  readonly currentBytes: number
}

export class MemoryGroup {
  readonly folder: string
  readonly maxBytes: number

  private constructor(folder: string, maxBytes: number) {
    this.folder = folder
    this.maxBytes = maxBytes
  }

  /**
   * Below the nearest group of this process that may have one. Throws NOT_FIT where there is none: no memory
   * controller, no right to it, or (version 2) none that is handed down.
   */
  static make(runId: string, maxBytes: number): MemoryGroup {
    const refusals: string[] = []
    for (const parent of parents()) {
      const folder = join(parent, nameOf(runId))
      try {
        handDown(parent)
        mkdirSync(folder)
      } catch (error) {
        refusals.push((error as Error).message)
        continue
      }
      try {
        limit(folder, maxBytes)
        return new MemoryGroup(folder, maxBytes)
      } catch (error) {
        refusals.push((error as Error).message)
        rmdirSync(folder)
      }
    }
    const why = refusals.length === 0 ? 'no memory controller is mounted (/proc/self/mountinfo)' : refusals.join('; ')
    const problem = `sut.memory_max: no control group with a memory limit can be made here: ${why}; a VM's root can (--on vm)`
    throw new NslabError('NOT_FIT', { problems: [problem] })
  }

  /** A process that writes 0 into it is a member from then on, and so is all that it starts. */
  get processesFile(): string {
    return join(this.folder, 'cgroup.procs')
  }

  /** Null where the group is gone. */
  get figures(): MemoryFigures | null {
    // memory.events of version 2 is memory.oom_control of version 1.
    const events = this.#read('memory.events') ?? this.#read('memory.oom_control')
    const current = this.#read('memory.current') ?? this.#read('memory.usage_in_bytes')
    const kills = /^oom_kill (\d+)$/m.exec(events ?? '')?.[1]
    return kills === undefined || current === null ? null : { kills: Number(kills), currentBytes: Number(current) }
  }

  /** Its processes have ended. Safe twice; false where the kernel would not let go of it. */
  async remove(): Promise<boolean> {
    for (let tries = 0; tries < REMOVE_TRIES; tries++) {
      try {
        rmdirSync(this.folder)
        return true
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === 'ENOENT') return true
        if (code !== 'EBUSY') return false
        await new Promise(resolve => setTimeout(resolve, REMOVE_PAUSE_MS))
      }
    }
    return false
  }

  #read(file: string): string | null {
    return readOrNull(join(this.folder, file))
  }
}

const nameOf = (runId: string): string => `nslab-${runId}`

/** Removes the group that a run has left behind, whose processes have ended. Returns its folder, if there was one. */
export function removeGroupOf(runId: string): string[] {
  return parents().flatMap(parent => {
    const folder = join(parent, nameOf(runId))
    try {
      rmdirSync(folder)
      return [folder]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw new NslabError(
        'KERNEL_REFUSED',
        { operation: 'rmdir', where: folder, errno: (error as NodeJS.ErrnoException).code ?? 'EBUSY' },
        { cause: error },
      )
    }
  })
}

/** Groups of this process in which one can be made, the nearest first. */
const parents = (): string[] =>
  cgroupFolders('memory', readOrNull('/proc/self/cgroup') ?? '', readOrNull('/proc/self/mountinfo') ?? '').filter(
    folder => isVersion1(folder) || /\bmemory\b/.test(readOrNull(join(folder, 'cgroup.controllers')) ?? ''),
  )

const isVersion1 = (folder: string): boolean => readOrNull(join(folder, 'memory.limit_in_bytes')) !== null

/** Version 2: groups below have the controller. A group with processes of its own, other than the root, refuses it. */
function handDown(parent: string): void {
  if (isVersion1(parent)) return
  const file = join(parent, 'cgroup.subtree_control')
  if (!/\bmemory\b/.test(readOrNull(file) ?? '')) writeFileSync(file, '+memory')
}

function limit(folder: string, maxBytes: number): void {
  const set = (file: string, value: number): void => writeFileSync(join(folder, file), String(value))
  if (isVersion1(folder)) {
    set('memory.limit_in_bytes', maxBytes)
    // With swap beside it nothing would be killed. Absent where the kernel does not count swap.
    if (readOrNull(join(folder, 'memory.memsw.limit_in_bytes')) !== null) set('memory.memsw.limit_in_bytes', maxBytes)
    return
  }
  set('memory.max', maxBytes)
  if (readOrNull(join(folder, 'memory.swap.max')) !== null) set('memory.swap.max', 0)
}
