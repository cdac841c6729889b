// @ts-check
// Stamps: what a step was made from, as a digest, written when the step is done and never before.
// Contents are compared rather than times, because a checkout changes times without changing anything.

import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { inRoot, readText } from './root.mjs'

/**
 * The files under a folder whose names match, sorted, as paths inside the clone.
 * @param {string} folder @param {RegExp} names @param {readonly string[]} [without] folder names left out
 * @returns {string[]}
 */
export const filesUnder = (folder, names, without = []) => {
  /** @type {string[]} */
  const found = []
  for (const entry of readdirSync(inRoot(folder), { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      if (!without.includes(entry.name)) found.push(...filesUnder(path, names, without))
    } else if (names.test(entry.name)) {
      found.push(path)
    }
  }
  return found.sort()
}

/**
 * A digest over files (paths and contents) and facts.
 * @param {readonly string[]} files paths inside the clone @param {readonly string[]} [facts] @returns {string}
 */
export const digestOf = (files, facts = []) => {
  const hash = createHash('sha256')
  for (const fact of facts) hash.update(`${fact}\0`)
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(inRoot(file)))
  return hash.digest('hex')
}

/** @param {string} path inside the clone @param {string} digest */
export const isStamped = (path, digest) => readText(inRoot(path)) === digest

/** @param {string} path inside the clone @param {string} digest */
export const writeStamp = (path, digest) => {
  mkdirSync(dirname(inRoot(path)), { recursive: true })
  writeFileSync(inRoot(`${path}.new`), digest)
  renameSync(inRoot(`${path}.new`), inRoot(path))
}

/** @param {string} path inside the clone */
export const removeStamp = path => rmSync(inRoot(path), { force: true })
