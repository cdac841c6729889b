// @ts-check
// Where the clone is, and how the set-up speaks: short lines on standard error, each step with its time.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The clone's folder, without a slash at its end. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

/** @param {...string} parts @returns {string} a path inside the clone */
export const inRoot = (...parts) => join(root, ...parts)

/** Exit codes of the set-up; the meaning is that of src/base/exit-codes.ts. */
export const exitCode = Object.freeze({ failed: 1, usage: 2, notFit: 3, refused: 6, bug: 70 })

/** An expected end of the set-up: `message` is all the user sees. */
export class SetupError extends Error {
  /** @param {number} code the exit code @param {string} message */
  constructor(code, message) {
    super(message)
    this.code = code
  }
}

/** @param {string} line */
export const say = line => void process.stderr.write(`nslab set-up: ${line}\n`)

/**
 * Runs one step between two lines of progress.
 * @template T
 * @param {string} title @param {() => Promise<T> | T} work @returns {Promise<T>}
 */
export const step = async (title, work) => {
  const startMs = performance.now()
  say(`${title} …`)
  const result = await work()
  say(`${title}: done in ${((performance.now() - startMs) / 1000).toFixed(1)} s`)
  return result
}

/** @param {string} path @returns {string | undefined} its text, undefined where it can't be read */
export const readText = path => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/**
 * Ends the process as the error says: an expected one with its message, anything else as a bug.
 * @param {unknown} error @returns {never}
 */
export const endWith = error => {
  if (error instanceof SetupError) {
    process.stderr.write(`nslab set-up: ${error.message}\n`)
    process.exit(error.code)
  }
  process.stderr.write(`nslab set-up: a bug: ${error instanceof Error ? error.stack : error}\n`)
  process.exit(exitCode.bug)
}
