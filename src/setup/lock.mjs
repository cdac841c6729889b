// @ts-check
// One set-up at a time in a clone. The kernel holds the lock on an open file (flock), so nothing stale can remain: it
// ends when this process and every tool that it started are gone, whatever ended them.

import { closeSync, mkdirSync, openSync } from 'node:fs'
import { runTool, shareWithTools } from './child.mjs'
import { exitCode, inRoot, SetupError, say } from './root.mjs'

/**
 * Runs `work` while no other set-up runs in this clone.
 * @template T
 * @param {() => Promise<T>} work @returns {Promise<T>}
 */
export const withLock = async work => {
  mkdirSync(inRoot('dist'), { recursive: true })
  const fd = openSync(inRoot('dist/.setup.lock'), 'a')
  // Tools inherit the open file as descriptor 3. flock(1) locks it and ends; the lock stays, being the open file's.
  shareWithTools(fd)
  const waiting = setTimeout(() => say('another set-up is at work in this clone: waiting for it …'), 300)
  try {
    const { status, output } = await runTool('flock', ['--exclusive', '3'])
    if (status !== 0) throw new SetupError(exitCode.notFit, `flock (of util-linux) is needed and failed: ${output}`)
    clearTimeout(waiting)
    return await work()
  } finally {
    clearTimeout(waiting)
    shareWithTools(undefined)
    closeSync(fd)
  }
}
