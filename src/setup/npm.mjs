// @ts-check
// Finds npm's own files, and installs what package-lock.json says.

import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { mustRun } from './child.mjs'
import { exitCode, inRoot, SetupError } from './root.mjs'
import { digestOf, isStamped, removeStamp, writeStamp } from './stamp.mjs'
import { inPath } from './system.mjs'

const STAMP = 'node_modules/.nslab-installed'

/** npm's program: the one that started us, else the one beside the running Node, else the one in PATH. */
export const npmProgram = () => {
  const beside = join(dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js')
  const found = [process.env.npm_execpath, beside, inPath('npm')].find(
    path => path !== undefined && /npm(-cli\.[cm]?js)?$/.test(path) && existsSync(path),
  )
  if (found === undefined)
    throw new SetupError(exitCode.notFit, 'npm is not found beside Node.js nor in PATH: install it')
  return realpathSync(found)
}

/** The node-gyp that npm carries, or the one among our modules. */
export const nodeGypProgram = () => {
  for (const from of [npmProgram(), inRoot('package.json')]) {
    try {
      return createRequire(from).resolve('node-gyp/bin/node-gyp.js')
    } catch {
      // The next place is asked.
    }
  }
  throw new SetupError(exitCode.notFit, 'node-gyp is found neither in npm nor in node_modules: install npm again')
}

const digest = () => digestOf(['package.json', 'package-lock.json', '.npmrc'], [process.version])

export const modulesAreCurrent = () => isStamped(STAMP, digest())

/**
 * Installs with `npm ci`. Removes node_modules first, as npm does; an interrupted call leaves no stamp and is repeated.
 */
export const installModules = async () => {
  if (!installedAsLocked()) {
    removeStamp(STAMP)
    await npmCi()
  }
  linkOwnBin()
  writeStamp(STAMP, digest())
}

const npmCi = async () => {
  const ownCache = cacheIsUsable() ? undefined : mkdtempSync(join(tmpdir(), 'nslab-npm-'))
  const env = ownCache === undefined ? process.env : { ...process.env, npm_config_cache: ownCache }
  try {
    await mustRun('npm ci', process.execPath, [npmProgram(), 'ci', '--no-progress'], { env })
  } finally {
    if (ownCache !== undefined) rmSync(ownCache, { recursive: true, force: true })
  }
}

/** Whether npm can keep its cache where it would: with an empty HOME that is a folder named "~" in the clone. */
const cacheIsUsable = () => {
  if (process.env.HOME === '') return false
  let folder = process.env.npm_config_cache ?? join(homedir(), '.npm')
  while (!existsSync(folder)) folder = dirname(folder)
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/**
 * With an empty HOME the npm that started us has made the folder `~/.npm/_logs` in the clone; nothing else is touched.
 */
export const removeStrayLogs = () => {
  if (process.env.HOME !== '') return
  rmSync(inRoot('~/.npm/_logs'), { recursive: true, force: true })
  for (const folder of ['~/.npm', '~']) {
    try {
      rmdirSync(inRoot(folder))
    } catch {
      // It holds something else, or was never made.
    }
  }
}

/** Whether npm's own record of node_modules, which it writes last, has every needed package in its locked version. */
const installedAsLocked = () => {
  try {
    const locked = JSON.parse(readFileSync(inRoot('package-lock.json'), 'utf8')).packages
    const installed = JSON.parse(readFileSync(inRoot('node_modules/.package-lock.json'), 'utf8')).packages
    return Object.entries(locked).every(
      ([path, entry]) =>
        path === '' ||
        (installed[path] === undefined ? entry.optional === true : installed[path].version === entry.version),
    )
  } catch {
    return false
  }
}

/** `npm ci` links the bins of dependencies and not the package's own; npx looks there. */
const linkOwnBin = () => {
  const link = inRoot('node_modules/.bin/nslab')
  mkdirSync(dirname(link), { recursive: true })
  rmSync(link, { force: true })
  symlinkSync('../../src/setup/nslab.mjs', link)
}
