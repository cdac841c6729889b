// @ts-check
// From the set-up into nslab's command line: in this very process, so that signals, terminal and exit code need no
// passing on; or, without root, in a user namespace for the commands that make kernel objects.

import { pathToFileURL } from 'node:url'
import { inForeground, runInstead } from './child.mjs'
import { inUserNamespace, isRoot, rootlessEnv, rootlessLimits } from './namespace.mjs'
import { prepare } from './prepare.mjs'
import { endWith, inRoot } from './root.mjs'

/** Commands that make namespaces and links by themselves. */
const KERNEL_COMMANDS = ['run', 'dataplane', 'connections', 'selfcheck']

/** A terminal's SIGINT and npm's copy of it arrive within some milliseconds; a second Ctrl-C by hand takes longer. */
const ECHO_MS = 300

/**
 * Ctrl-C under npm comes twice: from the terminal, and passed on by npm. The second would count as the user's
 * impatience.
 */
const dropEchoOfNpm = () => {
  if (process.env.npm_lifecycle_event === undefined || !inForeground()) return
  const emit = process.emit
  let lastMs = Number.NEGATIVE_INFINITY
  process.emit = (/** @type {string} */ name, /** @type {unknown[]} */ ...args) => {
    const sinceMs = performance.now() - lastMs
    if (name === 'SIGINT') lastMs = performance.now()
    return name === 'SIGINT' && sinceMs < ECHO_MS ? true : Reflect.apply(emit, process, [name, ...args])
  }
}

/** @param {readonly string[]} args of nslab */
export const enter = async args => {
  const program = inRoot('dist/cli/main.js')
  try {
    // What a package manager built needs no set-up, and could not be changed.
    if (process.env.NSLAB_PACKAGED !== '1') await prepare()
    if (!isRoot() && KERNEL_COMMANDS.includes(args[0] ?? '')) {
      const [command, commandArgs] = await inUserNamespace([process.execPath, program, ...args])
      for (const line of rootlessLimits()) process.stderr.write(`nslab: ${line}\n`)
      process.exit(await runInstead(command, commandArgs, rootlessEnv()))
    }
  } catch (error) {
    endWith(error)
  }
  dropEchoOfNpm()
  process.argv = [process.execPath, program, ...args]
  await import(pathToFileURL(program).href)
}
