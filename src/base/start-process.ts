// Starting a program that goes on beside this process (short tools: exec.ts), its refusals in one shape.

import type { ChildProcess } from 'node:child_process'
import { NslabError } from './errors.ts'

/**
 * What `start` spawns, with its streams. Throws KERNEL_REFUSED where the kernel has no memory or no descriptor for it:
 * the one Node throws, of the other it returns a child without streams. Where there is no such program, or it may not
 * be run, the child says so itself, by `error`.
 */
export function startProcess<Child extends ChildProcess>(where: string, start: () => Child): Child {
  const refused = (errno: string, cause?: unknown): NslabError => {
    const facts = { operation: 'spawn', where, errno, reason: 'the process could not be started' }
    return new NslabError('KERNEL_REFUSED', facts, { cause })
  }
  let child: Child
  try {
    child = start()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw code?.startsWith('E') === true && !code.startsWith('ERR_') ? refused(code, error) : error
  }
  if (child.stdio !== undefined) return child
  child.on('error', () => {})
  throw refused('EMFILE')
}
