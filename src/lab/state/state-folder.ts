// Where nslab keeps what must outlive a process: the lease book and the registry of live runs. One folder a machine for
// root, one a user otherwise, the same inside and outside a user namespace that maps the user to root.

import { lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NslabError } from '../../base/errors.ts'
import { readOrNull } from '../../base/read-or-null.ts'
import { diskRefused } from '../run-folder/disk.ts'

/** The uid that the machine knows this process by: a user namespace's root is an ordinary user outside. */
function machineUid(): number {
  const own = process.geteuid?.() ?? 0
  for (const line of (readOrNull('/proc/self/uid_map') ?? '').trim().split('\n')) {
    const [inside, outside, count] = line.trim().split(/\s+/).map(Number) as [number, number, number]
    if (own >= inside && own < inside + count) return outside + (own - inside)
  }
  return own
}

/** Whether this process is root of the machine itself, so that what is kept once for the whole kernel may be set. */
export function isMachineRoot(): boolean {
  return machineUid() === 0 && /^\s*0\s+0\s+4294967295\s*$/.test(readOrNull('/proc/self/uid_map') ?? '')
}

/** The state folder's path; `NSLAB_STATE_DIR` names another (tests, packagers). Nothing is made. */
export function stateFolder(environment: NodeJS.ProcessEnv = process.env): string {
  if (environment.NSLAB_STATE_DIR) return environment.NSLAB_STATE_DIR
  if (isMachineRoot()) return '/run/nslab'
  const runtime = environment.XDG_RUNTIME_DIR
  return runtime ? join(runtime, 'nslab') : join(tmpdir(), `nslab-${machineUid()}`)
}

/**
 * Makes a state folder, for its owner alone. A folder of somebody else (/tmp is open to all) is refused.
 * Throws DISK_REFUSED.
 */
export function makeStateFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw diskRefused(path, error)
  }
  const stat = lstatSync(path)
  if (!stat.isDirectory() || stat.uid !== process.geteuid?.()) {
    throw new NslabError('DISK_REFUSED', { path, reason: 'it is not a folder of this user', errno: 'EPERM' })
  }
}
