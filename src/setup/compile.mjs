// @ts-check
// dist/: TypeScript compiled by tsc, current with src/ and free of files whose source is gone.

import { existsSync, rmSync } from 'node:fs'
import { runTool } from './child.mjs'
import { exitCode, inRoot, SetupError } from './root.mjs'
import { digestOf, filesUnder, isStamped, removeStamp, writeStamp } from './stamp.mjs'

const STAMP = 'dist/.compiled'

const sources = () => filesUnder('src', /\.ts$/)
const digest = () => digestOf([...sources(), 'tsconfig.json', 'package-lock.json'])

/** @param {string} source @returns {string} */
const outputOf = source => source.replace(/^src\//, 'dist/').replace(/\.ts$/, '.js')

export const distIsCurrent = () => isStamped(STAMP, digest())

/**
 * Compiles. Type errors fail it, after everything has been written all the same.
 * @param {{ tolerant?: boolean }} [options] tolerant: type errors are returned, and the next call compiles again
 * @returns {Promise<string>} type errors
 */
export const compile = async ({ tolerant = false } = {}) => {
  const made = digest()
  const outputs = new Set(sources().map(outputOf))
  removeStamp(STAMP)
  if (existsSync(inRoot('dist'))) {
    for (const file of filesUnder('dist', /\.js(\.map)?$/)) {
      if (!outputs.has(file.replace(/\.map$/, ''))) rmSync(inRoot(file))
    }
  }
  // tsc trusts its record of what it wrote before; where a file is missing, the record is wrong.
  if ([...outputs].some(file => !existsSync(inRoot(file)))) rmSync(inRoot('dist/.tsbuildinfo'), { force: true })
  const { status, output } = await runTool(process.execPath, [inRoot('node_modules/typescript/bin/tsc'), '-p', '.'])
  if (status !== 0 && !(tolerant && [...outputs].every(file => existsSync(inRoot(file))))) {
    throw new SetupError(exitCode.bug, `the TypeScript sources don't compile:\n${output.trimEnd()}`)
  }
  if (status === 0) writeStamp(STAMP, made)
  return status === 0 ? '' : output.trimEnd()
}
