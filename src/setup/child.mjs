// @ts-check
// Children of the set-up: tools whose output matters only when they fail, and the one program that takes our place.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { exitCode, root, SetupError } from './root.mjs'

/** Lines of a failed tool's output that are shown. */
const LINES_SHOWN = 60

/** @type {number | undefined} */
let sharedFd

/** @param {number | undefined} fd what tools inherit as their descriptor 3 */
export const shareWithTools = fd => {
  sharedFd = fd
}

/**
 * Runs a tool and keeps its output for the case that it fails.
 * @param {string} command @param {readonly string[]} args @param {{ env?: NodeJS.ProcessEnv, cwd?: string }} [options]
 * @returns {Promise<{ status: number, output: string }>} status 127: not found; 128 + signal: killed
 */
export const runTool = (command, args, { env = process.env, cwd = root } = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe', sharedFd ?? 'ignore'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8')
      stream?.on('data', text => {
        output += text
      })
    }
    child.on('error', error => {
      if ('code' in error && error.code === 'ENOENT') resolve({ status: 127, output: error.message })
      else reject(error)
    })
    child.on('close', (code, signal) => resolve({ status: code ?? 128 + signalNumber(signal), output }))
  })

/**
 * Runs a tool that has to succeed; its last lines are the message when it does not.
 * @param {string} what what failed, in words @param {string} command @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, cwd?: string }} [options]
 */
export const mustRun = async (what, command, args, options) => {
  const { status, output } = await runTool(command, args, options)
  if (status === 0) return output
  const lines = output.trimEnd().split('\n')
  const shown = lines.slice(-LINES_SHOWN).join('\n')
  throw new SetupError(exitCode.refused, `${what} failed (exit ${status}):\n${shown}`)
}

/** @param {NodeJS.Signals | null} signal */
const signalNumber = signal => (signal === null ? 0 : constants.signals[signal])

/**
 * Runs a program with our input, output and signals, and ends as it ended. A terminal sends SIGINT to its whole
 * foreground group, the program included, so it is passed on only where no terminal has done so.
 * @param {string} command @param {readonly string[]} args @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<number>} its exit code
 */
export const runInstead = (command, args, env = process.env) =>
  new Promise((resolve, reject) => {
    /** @type {NodeJS.Signals[]} */
    const passedOn = inForeground() ? ['SIGTERM', 'SIGHUP'] : ['SIGTERM', 'SIGHUP', 'SIGINT']
    // Before the program starts: a signal may come as soon as it runs.
    for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
      process.on(signal, () => passedOn.includes(signal) && child.kill(signal))
    }
    const child = spawn(command, args, { env, stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? 128 + signalNumber(signal)))
  })

/** Whether a terminal has this process' group in its foreground: proc(5), fields pgrp and tpgid. */
export const inForeground = () => {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return fields[2] === fields[5]
}
