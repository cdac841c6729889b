// Unix sockets by path, also where the path is longer than the kernel takes: then by its folder's descriptor.

import { chmodSync, closeSync, existsSync, openSync, rmSync } from 'node:fs'
import { connect, type Server, type Socket } from 'node:net'
import { basename, dirname } from 'node:path'

/** Longest path of a unix socket, bytes without the closing zero. Source: unix(7), sockaddr_un. */
export const SOCKET_PATH_BYTES_MAX = 107

/** Calls `use` with a name for `path` that the kernel takes, while its folder is held where that is needed. */
async function named<T>(path: string, use: (name: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return use(path)
  const folderFd = openSync(dirname(path), 'r')
  try {
    const name = `/proc/self/fd/${folderFd}/${basename(path)}`
    // Node would cut it, and listen elsewhere.
    if (Buffer.byteLength(name) > SOCKET_PATH_BYTES_MAX)
      throw refusal('ENAMETOOLONG', 'the name is too long for a socket')
    return await use(name)
  } finally {
    closeSync(folderFd)
  }
}

const refusal = (code: string, message: string): NodeJS.ErrnoException => Object.assign(new Error(message), { code })

/**
 * Listens on `path`, for the owner alone. What somebody who was killed left there is replaced. Rejects with what the
 * kernel said.
 */
export async function listenAt(server: Server, path: string): Promise<void> {
  // Node would call it EACCES.
  if (!existsSync(dirname(path))) throw refusal('ENOENT', 'its folder is not there')
  rmSync(path, { force: true })
  return named(path, async name => {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(name, resolve)
    })
    chmodSync(path, 0o600)
  })
}

/** Connects to `path`. Rejects with what the kernel said. */
export function connectTo(path: string): Promise<Socket> {
  return named(path, name => {
    const socket = connect(name)
    return new Promise((resolve, reject) => {
      socket.once('error', reject)
      socket.once('connect', () => {
        // Its end is told by 'close'.
        socket.off('error', reject).on('error', () => {})
        resolve(socket)
      })
    })
  })
}
