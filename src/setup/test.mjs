// @ts-check
// `npm test [-- FILE|FOLDER…]`: brings the clone up to date, runs tap, prints one line a file, the diagnostics of
// failures, and `N passed, N failed` as its last line. Skipped and planned tests have failed. `--coverage`: with
// the coverage gate. `--long` (npm run test:vm): those that take more than a minute each, whole runs in VMs.

import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { relative } from 'node:path'
import { inUserNamespace, isRoot, rootlessEnv } from './namespace.mjs'
import { prepare } from './prepare.mjs'
import { endWith, exitCode, inRoot, root, SetupError } from './root.mjs'
import { filesUnder } from './stamp.mjs'
import { tapProgram } from './tap-plugins.mjs'

/** @param {string} given @returns {readonly string[]} test files it names, relative to the clone */
const testFiles = given => {
  const path = relative(root, given)
  const stat = statSync(inRoot(path), { throwIfNoEntry: false })
  if (stat === undefined) throw new SetupError(exitCode.usage, `no test file or folder ${given}`)
  return stat.isDirectory() ? filesUnder(path, /\.test\.ts$/) : [path]
}

/** Tests that `npm test` leaves to `npm run test:vm`. */
const LONG = /\.long\.ts$/
/** A file of them, on two busy processors. */
const LONG_S = 1800

/** @param {readonly string[]} args @returns {Promise<number>} exit code */
const main = async args => {
  const coverage = args.includes('--coverage')
  const given = args.filter(arg => !arg.startsWith('--')).flatMap(testFiles)
  const isLong = args.includes('--long')
  const files = isLong && given.length === 0 ? filesUnder('test', LONG) : given
  await prepare({ forTests: true, tolerant: given.length > 0 })
  const patience = isLong ? [`--timeout=${LONG_S}`] : []
  const program = [process.execPath, tapProgram, 'run', '--reporter=tap', ...patience, ...files]
  const [command, commandArgs] = isRoot() ? [program[0] ?? '', program.slice(1)] : await inUserNamespace(program)
  // tap ends its children when it is told to end, and says what was running.
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
    process.on(signal, () => child.kill(signal))
  const child = spawn(command, commandArgs, {
    cwd: root,
    env: { ...(isRoot() ? process.env : rootlessEnv()), ...(coverage ? { TAP_RCFILE: '.taprc-coverage' } : {}) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const { tally } = await import('./tally.mjs')
  // What only root can do is left out where nobody is root, and told; anywhere else, and in CI, a skip has failed.
  const mayBeSkipped = (/** @type {string} */ reason) => !isRoot() && !process.env.CI && reason.startsWith('needs root')
  const counts = await tally(child.stdout, line => process.stdout.write(`${line}\n`), mayBeSkipped)
  const status = await ended
  const problems = [...counts.problems]
  if (counts.passed + counts.failed === 0) problems.push('no test ran')
  if (status !== 0 && counts.failed === 0 && problems.length === 0) problems.push(`tap ended with ${status}`)
  for (const problem of problems) process.stdout.write(`${problem}\n`)
  process.stdout.write(`${counts.passed} passed, ${counts.failed + problems.length} failed\n`)
  return counts.failed + problems.length > 0 || status !== 0 ? exitCode.failed : 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  endWith(error)
}
