// Where PostgreSQL's programs are on this machine, and how they are started: in namespaces that end with the
// controller.

import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { constants as osConstants } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface PostgresPrograms {
  readonly initdb: string
  readonly postgres: string
  readonly psql: string
}

/** The launcher that makes the namespaces; built with the addon. */
const launcherPath = fileURLToPath(new URL('../../native/build/Release/nslab-launch', import.meta.url))

/** Debian keeps server programs off the PATH. */
const debianRoot = '/usr/lib/postgresql'

/** The newest version whose programs are all there: on the PATH first, then where Debian puts them. Null: none. */
export function findPostgres(path = process.env.PATH ?? '', root = debianRoot): PostgresPrograms | null {
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [...path.split(delimiter), ...versions.map(version => join(root, version, 'bin'))]
  for (const folder of folders) {
    const initdb = join(folder, 'initdb')
    const postgres = join(folder, 'postgres')
    if (!folder.startsWith('/') || !isExecutable(initdb) || !isExecutable(postgres)) continue
    const psql = join(folder, 'psql')
    return { initdb, postgres, psql: isExecutable(psql) ? psql : 'psql' }
  }
  return null
}

/** How a server of one run is started: the launcher's arguments, and the folder's path as the server sees it. */
export interface Enclosure {
  readonly launcher: string
  readonly args: readonly string[]
  readonly folder: string
  /** Who must own the folder; null: whoever made it. */
  readonly owner: { readonly uid: number; readonly gid: number } | null
}

const SHM = '/dev/shm'

/**
 * PostgreSQL refuses to run as root. Real root becomes `postgres` or `nobody`, and since that user may not reach the
 * run's folder, the folder is bound to a place that anybody can reach, in a private mount namespace. Anybody else, and
 * root of a user namespace, gets a nested user namespace in which the present user is an ordinary one. The pid
 * namespace ends with the controller, and the IPC namespace takes the server's System V segment with it. /dev/shm is a
 * folder of its own, since initdb makes segments there that a SIGKILL would leave.
 */
export function encloseFor(folder: string, launcher = launcherPath): Enclosure {
  const death = [
    '--parent-death',
    String(osConstants.signals.SIGKILL),
    String(process.pid),
    '--close-fds-except',
    '',
    '--pid',
    '--ipc',
  ]
  // Bound first: the folder itself may lie under the place that it is bound to.
  const shm = existsSync(SHM) ? ['--bind', `${sharedMemoryFolder(folder)}:${SHM}`] : []
  if (!isRealRoot()) {
    // Making the other namespaces takes a user namespace in which one is root.
    const user = process.geteuid?.() === 0 ? [] : ['--user']
    return {
      launcher,
      args: [...user, ...death, '--mount', ...shm, '--user-as', '1000', '--chdir', folder],
      folder,
      owner: null,
    }
  }
  const owner = unprivilegedUser()
  const place = ['/mnt', '/media', '/srv'].find(existsSync)
  if (place === undefined) throw new Error('there is none of /mnt, /media and /srv to bind the database folder to')
  const bind = [
    '--mount',
    ...shm,
    '--bind',
    `${folder}:${place}`,
    '--gid',
    String(owner.gid),
    '--uid',
    String(owner.uid),
  ]
  return { launcher, args: [...death, ...bind, '--chdir', place], folder: place, owner }
}

/** What the server's programs see as /dev/shm; made by who starts them. */
export const sharedMemoryFolder = (folder: string): string => join(folder, 'shm')

export function hasLauncher(): boolean {
  return isExecutable(launcherPath)
}

/** Root of the first user namespace: one that maps every id. */
function isRealRoot(): boolean {
  if (process.geteuid?.() !== 0) return false
  const [inside, outside, count] = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/).map(Number)
  return inside === 0 && outside === 0 && count === 0xffff_ffff
}

/** Debian's package makes `postgres`; elsewhere `nobody` has to do. */
function unprivilegedUser(passwd = readFileSync('/etc/passwd', 'utf8')): { uid: number; gid: number } {
  const entries = passwd.split('\n').map(line => line.split(':'))
  for (const name of ['postgres', 'nobody']) {
    const entry = entries.find(fields => fields[0] === name)
    const [uid, gid] = [Number(entry?.[2]), Number(entry?.[3])]
    if (uid > 0 && gid > 0) return { uid, gid }
  }
  return { uid: 65_534, gid: 65_534 }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
