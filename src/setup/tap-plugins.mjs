// @ts-check
// tap's test class, rebuilt once after each install without the plugin that .taprc leaves out: TypeScript is loaded by
// tsx, which takes half the time for a file (0.9 s rather than 1.7 s on two shared cores). tap would do the same at its
// first run.

import { mustRun } from './child.mjs'
import { inRoot } from './root.mjs'
import { digestOf, isStamped, writeStamp } from './stamp.mjs'

const STAMP = 'node_modules/.nslab-tap'

const digest = () => digestOf(['.taprc', 'package-lock.json'], [process.version])

export const tapProgram = inRoot('node_modules/tap/dist/esm/run.mjs')

export const tapIsCurrent = () => isStamped(STAMP, digest())

export const trimTap = async () => {
  await mustRun('tap build', process.execPath, [tapProgram, 'build'])
  writeStamp(STAMP, digest())
}
