// @ts-check
// One set-up at a time in a clone. flock(1) holds the lock: the kernel drops it when the holder is gone, whatever ended it,
// so nothing stale can remain.

import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { inRoot, say } from './root.mjs'

/**
 * Runs `work` while no other set-up runs in this clone.
 * @template T
 * @param {() => Promise<T>} work @returns {Promise<T>}
 */
export const withLock = async work => {
  mkdirSync(inRoot('dist'), { recursive: true })
  const path = inRoot('dist/.setup.lock')
  // The holder lives until our end of its input closes, which a kill of this process does as well.
  const holder = spawn('flock', ['--exclusive', path, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const waiting = setTimeout(() => say('another set-up is at work in this clone: waiting for it …'), 300)
  try {
    await new Promise((resolve, reject) => {
      holder.stdout.once('data', resolve)
      holder.once('error', reject)
      holder.once('exit', code => reject(new Error(`flock ended with ${code}`)))
    })
  } finally {
    clearTimeout(waiting)
  }
  const released = new Promise(resolve => holder.once('close', resolve))
  try {
    return await work()
  } finally {
    holder.stdin.end()
    await released
  }
}
