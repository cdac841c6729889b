// A lock between processes of one machine that the kernel releases when its holder dies, by whatever cause: a listening
// unix socket with an abstract name. Node has no flock(2), and a lock file outlives a SIGKILL.

import { createHash } from 'node:crypto'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { NslabError } from './errors.ts'

/**
 * Runs `action` while holding the lock called `name` (any string; one per network namespace). Waiters hear of the
 * release by their connection's end. Throws DEADLINE when the lock is not had within `deadlineMs`, the reason of `abort`
 * when that comes before the lock, and whatever `action` throws.
 */
export async function withMachineLock<T>(
  name: string,
  deadlineMs: number,
  action: () => T | Promise<T>,
  abort?: AbortSignal,
): Promise<T> {
  const address = `\0nslab-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
  const deadline = performance.now() + deadlineMs
  const lock = await acquire(address, name, deadline, deadlineMs, abort)
  try {
    return await action()
  } finally {
    await lock.release()
  }
}

interface Lock {
  release(): Promise<void>
}

async function acquire(
  address: string,
  name: string,
  deadline: number,
  limitMs: number,
  abort?: AbortSignal,
): Promise<Lock> {
  for (;;) {
    abort?.throwIfAborted()
    const lock = await tryBind(address)
    if (lock !== null) return lock
    const left = deadline - performance.now()
    if (left <= 0) {
      throw new NslabError('DEADLINE', {
        waitingFor: `the lock of ${name}`,
        limitS: limitMs / 1000,
        missing: ['its release'],
      })
    }
    await holderGone(address, left, abort)
  }
}

/** Binds the name, or says null when another process has it. */
function tryBind(address: string): Promise<Lock | null> {
  return new Promise((resolve, reject) => {
    const waiters = new Set<Socket>()
    const server: Server = createServer(socket => {
      waiters.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => waiters.delete(socket))
    })
    server.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(null) : reject(error)))
    server.listen({ path: address }, () => {
      resolve({
        release: () =>
          new Promise<void>(released => {
            server.close(() => released())
            for (const waiter of waiters) waiter.destroy()
          }),
      })
    })
  })
}

/** Resolves when the present holder has let go (or refused to talk: it is going), at the latest after `limitMs`. */
function holderGone(address: string, limitMs: number, abort?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const socket = connect({ path: address })
    const leave = (): void => void socket.destroy()
    const timer = setTimeout(leave, limitMs)
    abort?.addEventListener('abort', leave)
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      abort?.removeEventListener('abort', leave)
      resolve()
    })
    socket.resume()
  })
}
