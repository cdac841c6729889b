// nslab itself as a guest runs it: what is compiled, and the packages that it needs at run time.

import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NslabError } from '../../base/errors.ts'
import type { FileFacts } from './file-facts.ts'
import { addProgram } from './libraries.ts'
import type { Tree } from './tree.ts'
import type { ImageRole } from './types.ts'

/** The clone (or package) that this file is part of. */
export const nslabRoot = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')

/** Where it is in the guest. */
export const GUEST_ROOT = 'nslab'

const NATIVE = 'native/build/Release'

/** What a package has besides what runs: types, sources, documents. */
const RUNS = /\.(js|cjs|mjs|json|node|wasm)$/

interface LockEntry {
  readonly version?: string
  readonly dev?: boolean
  readonly devOptional?: boolean
}

/** Adds /nslab. Throws IMAGE_UNFIT where something has not been built. */
export async function addNslab(tree: Tree, facts: FileFacts, role: ImageRole, root = nslabRoot): Promise<void> {
  const needed = ['dist/cli/main.js', `${NATIVE}/nslab.node`, `${NATIVE}/nslab-launch`, `${NATIVE}/nslab-init`]
  const missing = needed.filter(path => !existsSync(join(root, path)))
  if (missing.length > 0) {
    throw new NslabError('IMAGE_UNFIT', {
      role,
      reason: `${missing.join(', ')} is not built`,
      remedy: 'npm start -- list builds what is missing.',
    })
  }
  const add = (path: string): void => tree.file(`${GUEST_ROOT}/${path}`, join(root, path))
  add('package.json')
  for (const path of await filesUnder(root, 'dist', /\.js$/)) add(path)
  for (const path of await filesUnder(root, 'soak/scenarios', /\.toml$/)) add(path)
  for (const folder of await runtimePackages(root)) {
    for (const path of await filesUnder(root, folder, RUNS)) add(path)
  }
  const native = (name: string): string => join(root, NATIVE, name)
  await addProgram(tree, facts, `${GUEST_ROOT}/${NATIVE}/nslab.node`, native('nslab.node'))
  await addProgram(tree, facts, `${GUEST_ROOT}/${NATIVE}/nslab-launch`, native('nslab-launch'))
  tree.file('init', native('nslab-init'), true)
  tree.link('usr/bin/nslab', `/${GUEST_ROOT}/dist/cli/main.js`)
}

/** Folders of the packages that package-lock.json doesn't mark as development's, sorted. */
async function runtimePackages(root: string): Promise<string[]> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockEntry>>
  }
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path !== '' && entry.dev !== true && entry.devOptional !== true)
    .map(([path]) => path)
    .filter(path => !BUILD_ONLY.includes(path) && existsSync(join(root, path)))
    .sort()
}

/** Dependencies that only the addon's compilation reads. */
const BUILD_ONLY = ['node_modules/node-addon-api']

/** Files by their names, not in packages nested in this one, as paths inside `root`, sorted. */
async function filesUnder(root: string, folder: string, names: RegExp): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => entry.isFile() && names.test(entry.name))
    .map(entry => relative(root, join(entry.parentPath, entry.name)))
    .filter(path => !relative(folder, path).split('/').includes('node_modules'))
    .sort()
}
