// @ts-check
// `npm test [-- FILE|FOLDER…]`: brings the clone up to date, runs tap, the longest files first, prints one line a file,
// the diagnostics of failures, and `N passed, N failed` as its last line. Skipped and planned tests have failed. In CI a
// few files that failed are tried once more, alone, which is told: machines there are shared. `--coverage`: with the
// coverage gate. `--long` (npm run test:vm): those that take more than a minute each, whole runs in VMs.

import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { relative } from 'node:path'
import { inUserNamespace, isRoot, rootlessEnv } from './namespace.mjs'
import { prepare } from './prepare.mjs'
import { endWith, exitCode, inRoot, root, SetupError } from './root.mjs'
import { filesUnder } from './stamp.mjs'
import { tapProgram } from './tap-plugins.mjs'
import { jobsHere, longestFirst } from './test-order.mjs'

/** @param {string} given @returns {readonly string[]} test files it names, relative to the clone */
const testFiles = given => {
  const path = relative(root, given)
  const stat = statSync(inRoot(path), { throwIfNoEntry: false })
  if (stat === undefined) throw new SetupError(exitCode.usage, `no test file or folder ${given}`)
  return stat.isDirectory() ? filesUnder(path, /\.test\.ts$/) : [path]
}

const SHORT = /\.test\.ts$/
/** Tests that `npm test` leaves to `npm run test:vm`. */
const LONG = /\.long\.ts$/
/** A file, on two busy processors; and one of those. */
const FILE_S = 900
const LONG_S = 1800
/** More than so many files don't fail because somebody else was busy. */
const RETRIED_MAX = 10

/** @typedef {{ readonly isLong: boolean, readonly coverage: boolean }} Kind */

/**
 * @param {readonly string[]} files @param {Kind} kind @param {number} jobs files at a time
 * @returns {Promise<import('./tally.mjs').Tally>}
 */
const runTap = async (files, { isLong, coverage }, jobs = jobsHere()) => {
  const limit = isLong ? LONG_S : FILE_S
  const own = [inRoot('src/setup/tap-files.mjs'), String(jobs), String(limit), ...longestFirst(files)]
  const program = [process.execPath, ...(coverage ? [tapProgram, 'run', '--reporter=tap', ...files] : own)]
  const [command, commandArgs] = isRoot() ? [program[0] ?? '', program.slice(1)] : await inUserNamespace(program)
  const child = spawn(command, commandArgs, {
    cwd: root,
    env: { ...(isRoot() ? process.env : rootlessEnv()), ...(coverage ? { TAP_RCFILE: '.taprc-coverage' } : {}) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // tap ends its children when it is told to end, and says what was running.
  const end = (/** @type {NodeJS.Signals} */ signal) => {
    isTold = true
    child.kill(signal)
  }
  for (const signal of SIGNALS) process.on(signal, end)
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const { tally } = await import('./tally.mjs')
  // What only root can do is left out where nobody is root, and told; anywhere else, and in CI, a skip has failed.
  const mayBeSkipped = (/** @type {string} */ reason) => !isRoot() && !process.env.CI && reason.startsWith('needs root')
  const counts = await tally(child.stdout, say, mayBeSkipped)
  const status = await ended
  for (const signal of SIGNALS) process.off(signal, end)
  const problems = [...counts.problems]
  if (counts.passed + counts.failed === 0) problems.push('no test ran')
  if (status !== 0 && counts.failed === 0 && problems.length === 0) problems.push(`tap ended with ${status}`)
  return { ...counts, problems }
}

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])

/** To end. */
let isTold = false

/** @param {string} line */
const say = line => process.stdout.write(`${line}\n`)

/** @param {readonly string[]} args @returns {Promise<number>} exit code */
const main = async args => {
  const coverage = args.includes('--coverage')
  const given = args.filter(arg => !arg.startsWith('--')).flatMap(testFiles)
  const isLong = args.includes('--long')
  // What is covered, tap knows itself.
  const all = () => (coverage ? [] : filesUnder('test', isLong ? LONG : SHORT))
  const files = given.length === 0 ? all() : given
  await prepare({ forTests: true, tolerant: given.length > 0 })
  const kind = { isLong, coverage }
  const first = await runTap(files, kind)
  const { failedFiles } = first
  const isRetried = process.env.CI && !isTold && failedFiles.length > 0 && failedFiles.length <= RETRIED_MAX
  const { passed, failed, problems } = isRetried ? await retry(first, kind) : first
  for (const problem of problems) say(problem)
  say(`${passed} passed, ${failed + problems.length} failed`)
  return failed + problems.length > 0 ? exitCode.failed : 0
}

/**
 * Tries the files that failed once more, one at a time: what they said first is shown already, what they say now
 * counts.
 * @param {import('./tally.mjs').Tally} first @param {Kind} kind
 */
const retry = async ({ passed, failed, problems, failedFiles }, kind) => {
  const names = failedFiles.map(file => file.name)
  say(`failed, and tried once more, alone: ${names.join(', ')}`)
  const again = await runTap(names, kind, 1)
  const failedAgain = again.failedFiles.map(file => file.name)
  for (const name of names) if (!failedAgain.includes(name)) say(`flaky  ${name}: failed first, passed alone`)
  const sum = (/** @type {'passed' | 'failed'} */ key) => failedFiles.reduce((total, file) => total + file[key], 0)
  return {
    passed: passed - sum('passed') + again.passed,
    failed: failed - sum('failed') + again.failed,
    problems: [...problems, ...again.problems],
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  endWith(error)
}
