// Limits that control groups put on this process: the smallest on the way up to the root, for version 1 and 2 alike.

import { join } from 'node:path'
import { readOrNull } from '../../base/read-or-null.ts'

/**
 * A controller's membership and mounts, as /proc/self/cgroup and /proc/self/mountinfo tell them. Source: cgroups(7).
 */
export function cgroupFolders(controller: string, cgroup: string, mountinfo: string): string[] {
  const folders: string[] = []
  for (const line of cgroup.trim().split('\n')) {
    const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    const unified = controllers === ''
    if (!unified && !controllers.split(',').includes(controller)) continue
    const mount = mountOf(mountinfo, unified ? null : controller)
    if (mount === null) continue
    for (let at = path; ; at = at.slice(0, Math.max(1, at.lastIndexOf('/')))) {
      folders.push(join(mount, at))
      if (at === '/') break
    }
  }
  return folders
}

/** Mount point of a version 1 controller, or (null) of version 2. */
function mountOf(mountinfo: string, controller: string | null): string | null {
  for (const line of mountinfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ')
    const [type, , options = ''] = right.split(' ')
    const wanted =
      controller === null ? type === 'cgroup2' : type === 'cgroup' && options.split(',').includes(controller)
    if (wanted) return left.split(' ')[4] ?? null
  }
  return null
}

/** What is left of a limit: the least of (max − current) over this process' groups, null where none limits. */
export function cgroupHeadroom(controller: 'pids' | 'memory'): number | null {
  const files = {
    pids: [['pids.max', 'pids.current']],
    memory: [
      ['memory.max', 'memory.current'],
      ['memory.limit_in_bytes', 'memory.usage_in_bytes'],
    ],
  }[controller]
  const folders = cgroupFolders(
    controller,
    readOrNull('/proc/self/cgroup') ?? '',
    readOrNull('/proc/self/mountinfo') ?? '',
  )
  let least: number | null = null
  for (const folder of folders) {
    for (const [maxName, currentName] of files as [string, string][]) {
      const max = Number(readOrNull(join(folder, maxName)) ?? Number.NaN)
      const current = Number(readOrNull(join(folder, currentName)) ?? Number.NaN)
      // Version 1 says "no limit" with the largest page-aligned number.
      if (!Number.isFinite(max) || !Number.isFinite(current) || max > 2 ** 60) continue
      least = Math.min(least ?? Number.POSITIVE_INFINITY, max - current)
    }
  }
  return least
}
