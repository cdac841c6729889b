// @ts-check
// `npm run profile -- doctor|flame [controller|collector]`: a program of nslab's under a synthetic load, profiled with
// clinic. Clinic is 150 MB in 700 packages: it is fetched when it is first asked for, into .cache, and is in no
// install.

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { mustRun, runInstead } from './child.mjs'
import { inUserNamespace, isRoot, rootlessEnv } from './namespace.mjs'
import { npmProgram } from './npm.mjs'
import { prepare } from './prepare.mjs'
import { endWith, inRoot, step } from './root.mjs'

const VERSION = '13.0.0'
const folder = inRoot(`.cache/clinic-${VERSION}`)
const program = join(folder, 'node_modules/clinic/bin.js')

/** In a folder beside, which gets its name when it is whole: a fetch that was cut short is repeated. */
const fetchClinic = async () => {
  const half = `${folder}.${process.pid}`
  rmSync(half, { recursive: true, force: true })
  mkdirSync(half, { recursive: true })
  writeFileSync(join(half, 'package.json'), '{"name":"profile","private":true}\n')
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-progress', '--save-exact']
  const args = [npmProgram(), 'install', ...options, `clinic@${VERSION}`]
  await mustRun('npm install clinic', process.execPath, args, { cwd: half })
  rmSync(folder, { recursive: true, force: true })
  renameSync(half, folder)
}

try {
  await prepare()
  if (!existsSync(program)) await step(`clinic ${VERSION} (npm install, only for profiles)`, fetchClinic)
  const profiler = [process.execPath, '--import', 'tsx', inRoot('bench/profile.ts'), ...process.argv.slice(2)]
  // Clinic, program and load end with this process, and the program sees no other processes than these.
  const bound = ['--parent-death', String(constants.signals.SIGKILL), String(process.pid)]
  const words = [inRoot('native/build/Release/nslab-launch'), ...bound, '--pid', '--proc', '--', ...profiler]
  const [command, args] = isRoot()
    ? [words[0] ?? '', words.slice(1)]
    : await inUserNamespace([words[0] ?? '', ...words.slice(4)])
  const env = { ...(isRoot() ? process.env : rootlessEnv()), NSLAB_CLINIC: program }
  process.exit(await runInstead(command, args, env))
} catch (error) {
  endWith(error)
}
