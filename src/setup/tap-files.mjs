// @ts-check
// Runs test files, each in a process of its own: node tap-files.mjs JOBS TIMEOUT_S FILE… They begin in the order given;
// tap's own runner takes them by name, and the longest may be left for the end, alone. Nor does every Node.js below a
// test note down the modules that it loads here, which only coverage needs. Prints TAP.

import { t } from 'tap'
import { root } from './root.mjs'

const [jobs, timeoutS, ...files] = process.argv.slice(2)
t.jobs = Number(jobs)
t.setTimeout(0)

/** tap sets it for what it starts; a test and its programs have what this process has. */
const nodeOptions =
  process.env.NODE_OPTIONS === undefined ? '--unset=NODE_OPTIONS' : `NODE_OPTIONS=${process.env.NODE_OPTIONS}`

/** For a file that was told to end, and for the output of one that has ended. */
const GRACE_MS = 10_000

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/** @type {Set<ChildProcess>} */
const running = new Set()
t.on('spawn', test =>
  test.on('process', child => {
    running.add(child)
    child.once('close', () => running.delete(child))
    child.once('exit', () => {
      const late = setTimeout(() => letGo(test, child), GRACE_MS)
      child.once('close', () => clearTimeout(late))
    })
  }),
)

/**
 * A process that a file has left may hold its output for ever: nobody waits for that, and the file has failed.
 * @param {{ name: string, results?: { ok: boolean }, parser: { ok: boolean } }} test @param {ChildProcess} child
 */
const letGo = (test, child) => {
  process.stderr.write(`${test.name} has ended, and a process that it left holds its output\n`)
  if (test.results !== undefined) test.results.ok = false
  test.parser.ok = false
  for (const stream of child.stdio) stream?.destroy()
}

/** @type {NodeJS.Signals | undefined} */
let endedBy
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => {
    endedBy = signal
    for (const child of running) {
      child.kill(signal)
      const late = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
      child.once('close', () => clearTimeout(late))
    }
  })
}

const work = async () => {
  for (let file = files.shift(); file !== undefined && endedBy === undefined; file = files.shift()) {
    await t.spawn('env', [nodeOptions, process.execPath, '--import=tsx', file], {
      name: file,
      at: null,
      stack: '',
      buffered: t.jobs > 1,
      cwd: root,
      env: { ...process.env, TAP_TIMEOUT: timeoutS },
      timeout: Number(timeoutS) * 1000,
    })
  }
}

await Promise.all(Array.from({ length: t.jobs }, work))
if (endedBy !== undefined) t.bailout(`ended by ${endedBy}`)
t.end()
