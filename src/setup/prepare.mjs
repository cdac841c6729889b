// @ts-check
// Brings the clone up to date: what the machine needs, dependencies, addon, dist/. When all is current it only compares
// digests, in some tens of milliseconds; otherwise it works step by step under the lock, each step's stamp written
// last.

import { addonIsCurrent, buildAddon } from './addon.mjs'
import { compile, distIsCurrent } from './compile.mjs'
import { withLock } from './lock.mjs'
import { installModules, modulesAreCurrent, removeStrayLogs } from './npm.mjs'
import { exitCode, SetupError, say, step } from './root.mjs'
import { buildNeeds, ensureSystem, testNeeds } from './system.mjs'
import { tapIsCurrent, trimTap } from './tap-plugins.mjs'

/** Oldest Node.js that has all we use. */
const NODE_MAJOR_MIN = 20

/**
 * @param {{ forTests?: boolean, tolerant?: boolean, modulesOnly?: boolean }} [options]
 * forTests: what only tests need, too; tolerant: type errors are told and don't stop; modulesOnly: dependencies alone
 */
export const prepare = async ({ forTests = false, tolerant = false, modulesOnly = false } = {}) => {
  if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR_MIN) {
    throw new SetupError(exitCode.notFit, `Node.js ${NODE_MAJOR_MIN} or newer is needed; this is ${process.version}`)
  }
  removeStrayLogs()
  const steps = [{ title: 'npm ci', isCurrent: modulesAreCurrent, work: installModules }]
  if (!modulesOnly) {
    steps.push(
      { title: 'addon (node-gyp)', isCurrent: addonIsCurrent, work: buildAddon },
      { title: 'dist (tsc)', isCurrent: distIsCurrent, work: () => compileTelling(tolerant) },
    )
  }
  if (forTests) steps.push({ title: 'tap without its TypeScript loader', isCurrent: tapIsCurrent, work: trimTap })
  const needs = [...(modulesOnly || addonIsCurrent() ? [] : buildNeeds), ...(forTests ? testNeeds : [])]
  await ensureSystem(needs)
  if (steps.every(({ isCurrent }) => isCurrent())) return
  await withLock(async () => {
    for (const { title, isCurrent, work } of steps) if (!isCurrent()) await step(title, work)
  })
}

/** @param {boolean} tolerant */
const compileTelling = async tolerant => {
  const errors = await compile({ tolerant })
  if (errors !== '') say(`type errors (the sources were compiled all the same):\n${errors}`)
}
