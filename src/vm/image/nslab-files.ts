// nslab itself as a guest runs it: its programs in few files, the addon, the scenarios.

import { existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NslabError } from '../../base/errors.ts'
import type { FileFacts } from './file-facts.ts'
import type { Derived } from './ingredients.ts'
import { addProgram } from './libraries.ts'
import type { Tree } from './tree.ts'
import type { ImageRole } from './types.ts'

/** The clone (or package) that this file is part of. */
export const nslabRoot = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')

/** Where it is in the guest. */
export const GUEST_ROOT = 'nslab'

/** What starts all of nslab's programs. */
const PROGRAMS = 'dist/cli/main.js'
const AGENT = 'dist/cli/agent.js'
/** Counts up when the same compiled programs shall give another bundle. */
const BUNDLE_VERSION = 5
const NATIVE = 'native/build/Release'

/** A folder with nslab's programs, made anew when something of them has changed. Throws IMAGE_UNFIT. */
export async function bundled(role: ImageRole, facts: FileFacts, derived: Derived, root = nslabRoot): Promise<string> {
  requireBuilt(role, root)
  const compiled = await filesUnder(root, 'dist', /\.js$/)
  const digests = await Promise.all([...compiled, 'package-lock.json'].map(path => facts.digest(join(root, path))))
  return derived.folder(`programs-${BUNDLE_VERSION}`, [...compiled, ...digests], async to => {
    const { bundlePrograms } = await import('./bundle.ts')
    for (const [path, text] of Object.entries(await bundlePrograms({ root, entry: PROGRAMS, fast: AGENT }))) {
      await mkdir(dirname(join(to, path)), { recursive: true })
      await writeFile(join(to, path), text)
    }
  })
}

/** What nslab's programs load and start. */
const NATIVE_FILES = ['nslab.node', 'nslab-launch', 'nslab-connections', 'nslab-hold', 'nslab-readers'] as const

function requireBuilt(role: ImageRole, root: string): void {
  const needed = [PROGRAMS, ...[...NATIVE_FILES, 'nslab-init'].map(name => `${NATIVE}/${name}`)]
  const missing = needed.filter(path => !existsSync(join(root, path)))
  if (missing.length > 0) {
    throw new NslabError('IMAGE_UNFIT', {
      role,
      reason: `${missing.join(', ')} is not built`,
      remedy: 'npm start -- list builds what is missing.',
    })
  }
}

/** Adds /nslab, whose programs are in the folder `bundle`. */
export async function addNslab(tree: Tree, facts: FileFacts, bundle: string, root = nslabRoot): Promise<void> {
  const add = (path: string): void => tree.file(`${GUEST_ROOT}/${path}`, join(root, path))
  add('package.json')
  for (const path of await filesUnder(bundle, 'dist', /\.js$/)) tree.file(`${GUEST_ROOT}/${path}`, join(bundle, path))
  tree.text(`${GUEST_ROOT}/dist/package.json`, '{"type":"commonjs"}\n')
  for (const path of await filesUnder(root, 'soak/scenarios', /\.toml$/)) add(path)
  const native = (name: string): string => join(root, NATIVE, name)
  for (const name of NATIVE_FILES) await addProgram(tree, facts, `${GUEST_ROOT}/${NATIVE}/${name}`, native(name))
  tree.file('init', native('nslab-init'), true)
  tree.text('usr/bin/nslab', `#!/bin/sh\nexec node /${GUEST_ROOT}/${PROGRAMS} "$@"\n`, true)
}

/** Files by their names, not in packages nested in this one, as paths inside `root`, sorted. */
async function filesUnder(root: string, folder: string, names: RegExp): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => entry.isFile() && names.test(entry.name))
    .map(entry => relative(root, join(entry.parentPath, entry.name)))
    .filter(path => !relative(folder, path).split('/').includes('node_modules'))
    .sort()
}
