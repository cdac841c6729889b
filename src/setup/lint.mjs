// @ts-check
// `npm run lint` (Biome and types), `npm run typecheck` (types alone), `npm run format` (Biome writes). On a fresh
// clone, too: dependencies are installed first.

import { runInstead } from './child.mjs'
import { prepare } from './prepare.mjs'
import { endWith, inRoot } from './root.mjs'

const mode = process.argv[2]
const biome = inRoot('node_modules/.bin/biome')
const tsc = inRoot('node_modules/typescript/bin/tsc')

try {
  await prepare({ modulesOnly: true })
  /** @type {Array<readonly [string, readonly string[]]>} */
  const commands = []
  // Under CI Biome colours whatever it writes to.
  const colours = process.stdout.isTTY ? [] : ['--colors=off']
  if (mode === '--write') commands.push([biome, ['check', '--write', ...colours, '.']])
  else if (mode === undefined) commands.push([biome, ['ci', ...colours, '.']])
  if (mode !== '--write') {
    for (const project of ['tsconfig.json', 'tsconfig.test.json', 'tsconfig.setup.json']) {
      commands.push([process.execPath, [tsc, '--noEmit', '-p', inRoot(project)]])
    }
  }
  let worst = 0
  for (const [command, args] of commands) worst = Math.max(worst, await runInstead(command, args))
  process.exitCode = worst
} catch (error) {
  endWith(error)
}
