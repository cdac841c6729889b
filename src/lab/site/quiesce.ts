// Two questions to the kernel about namespaces that only the addon can ask: are dropped ones gone, and which one is
// this.
import { closeSync, openSync } from 'node:fs'
import { native } from '../../native/addon.ts'

/**
 * Waits until the kernel has removed every network namespace that was dropped before this call; its queue for them is
 * one for the machine. Returns the seconds waited, or null when `deadlineMs` passed first (another run may keep the
 * queue busy).
 */
export async function quiesce(deadlineMs: number): Promise<number | null> {
  try {
    return await native.awaitNetnsCleanup(deadlineMs)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ETIMEDOUT') return null
    throw error
  }
}

/** A namespace's cookie from a path of it, as text; null where it can't be opened or read. For takeCensus(). */
export function cookieAt(path: string): string | null {
  let fd: number | null = null
  try {
    fd = openSync(path, 'r')
    const netns = native.Netns.fromFd(fd)
    // It is the namespace's from here on.
    fd = null
    const { cookie } = netns.identity
    netns.close()
    return String(cookie)
  } catch {
    if (fd !== null) closeSync(fd)
    return null
  }
}
