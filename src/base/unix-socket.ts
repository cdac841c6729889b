// Unix sockets by path, also where the path is longer than the kernel takes: then by its folder's descriptor.

import { chmodSync, closeSync, openSync, rmSync } from 'node:fs'
import { connect, type Server, type Socket } from 'node:net'
import { basename, dirname } from 'node:path'

/** Longest path of a unix socket, bytes without the closing zero. Source: unix(7), sockaddr_un. */
export const SOCKET_PATH_BYTES_MAX = 107

/** Calls `use` with a name for `path` that the kernel takes, while its folder is held where that is needed. */
async function named<T>(path: string, use: (name: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return use(path)
  const folderFd = openSync(dirname(path), 'r')
  try {
    return await use(`/proc/self/fd/${folderFd}/${basename(path)}`)
  } finally {
    closeSync(folderFd)
  }
}

/**
 * Listens on `path`, for the owner alone. What somebody who was killed left there is replaced. Rejects with what the
 * kernel said.
 */
export function listenAt(server: Server, path: string): Promise<void> {
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
