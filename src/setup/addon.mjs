// @ts-check
// The addon and the launcher, built by npm's node-gyp into native/build.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { mustRun } from './child.mjs'
import { nodeGypProgram } from './npm.mjs'
import { inRoot } from './root.mjs'
import { digestOf, filesUnder, isStamped, removeStamp, writeStamp } from './stamp.mjs'

const STAMP = 'native/build/.built'
/**
 * Exists while a build is at work: an object file that a killed compiler left behind must not be taken for a finished
 * one.
 */
const AT_WORK = 'native/build/.at-work'

const digest = () => {
  const { version, arch, versions } = process
  return digestOf(filesUnder('native', /\.(cc|c|h|gyp|gypi)$/, ['build', 'test']), [
    version,
    arch,
    String(versions.modules),
  ])
}

export const addonIsCurrent = () => isStamped(STAMP, digest())

export const buildAddon = async () => {
  const made = digest()
  const rebuild = existsSync(inRoot(AT_WORK))
  removeStamp(STAMP)
  if (rebuild) rmSync(inRoot('native/build'), { recursive: true, force: true })
  mkdirSync(inRoot('native/build'), { recursive: true })
  writeFileSync(inRoot(AT_WORK), '')
  const args = [
    nodeGypProgram(),
    'configure',
    'build',
    '--directory=native',
    '--loglevel=warn',
    `--jobs=${availableParallelism()}`,
  ]
  // Headers come from the running Node's own prefix where it has them; else node-gyp fetches them into devdir, which is
  // in the build folder because HOME may be empty.
  args.push(`--devdir=${inRoot('native/build/headers')}`)
  const prefix = dirname(dirname(process.execPath))
  if (hasHeaders(prefix)) args.push(`--nodedir=${prefix}`)
  try {
    await mustRun('the build of the addon', process.execPath, args)
  } finally {
    // A compiler that says no leaves nothing half-made behind; only one that was killed does.
    rmSync(inRoot(AT_WORK), { force: true })
  }
  writeStamp(STAMP, made)
}

/** @param {string} prefix @returns {boolean} whether it has the headers of the running Node */
const hasHeaders = prefix => {
  try {
    const text = readFileSync(join(prefix, 'include/node/node_version.h'), 'utf8')
    const part = (/** @type {string} */ name) => new RegExp(`#define NODE_${name}_VERSION (\\d+)`).exec(text)?.[1]
    return `${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}` === process.versions.node
  } catch {
    return false
  }
}
