// @ts-check
// From the set-up into nslab's command line: in this very process, so that signals, terminal and exit code need no
// passing on; or, without root, in a user namespace for the commands that make kernel objects.

import { pathToFileURL } from 'node:url'
import { runInstead } from './child.mjs'
import { inUserNamespace, isRoot, rootlessEnv } from './namespace.mjs'
import { prepare } from './prepare.mjs'
import { endWith, inRoot } from './root.mjs'

/** Commands that make namespaces and links by themselves. */
const KERNEL_COMMANDS = ['run', 'dataplane', 'selfcheck']

/** @param {readonly string[]} args of nslab */
export const enter = async args => {
  const program = inRoot('dist/cli/main.js')
  try {
    await prepare()
    if (!isRoot() && KERNEL_COMMANDS.includes(args[0] ?? '')) {
      const [command, commandArgs] = await inUserNamespace([process.execPath, program, ...args])
      process.exit(await runInstead(command, commandArgs, rootlessEnv()))
    }
  } catch (error) {
    endWith(error)
  }
  process.argv = [process.execPath, program, ...args]
  await import(pathToFileURL(program).href)
}
