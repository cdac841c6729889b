// @ts-check
// `npm run bench -- NAME…`: the benchmarks of bench/, run from their TypeScript sources.

import { runInstead } from './child.mjs'
import { inUserNamespace, isRoot, rootlessEnv } from './namespace.mjs'
import { prepare } from './prepare.mjs'
import { endWith, inRoot } from './root.mjs'

try {
  await prepare()
  const program = [process.execPath, '--import', 'tsx', inRoot('bench/main.ts'), ...process.argv.slice(2)]
  const [command, args] = isRoot() ? [program[0] ?? '', program.slice(1)] : await inUserNamespace(program)
  process.exit(await runInstead(command, args, isRoot() ? process.env : rootlessEnv()))
} catch (error) {
  endWith(error)
}
