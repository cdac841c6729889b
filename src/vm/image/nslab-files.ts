// nslab itself as a guest runs it: its programs in few files, the addon, the scenarios.

import { existsSync } from 'node:fs'
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { allOf } from '../../base/all-of.ts'
import { NslabError } from '../../base/errors.ts'
import type { Derived } from './derived.ts'
import type { FileFacts } from './file-facts.ts'
import { addProgram } from './libraries.ts'
import type { Tree } from './tree.ts'
import type { ImageRole } from './types.ts'

/** The clone (or package) that this file is part of. */
export const nslabRoot = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')

/** Where it is in the guest. */
export const GUEST_ROOT = 'nslab'

/** What starts all of nslab's programs. */
const PROGRAMS = 'dist/cli/main.js'
const AGENT = 'dist/cli/hidden/agent.js'
/** Counts up when the same compiled programs shall give another bundle. */
const BUNDLE_VERSION = 5
const NATIVE = 'native/build/Release'

/** A folder with nslab's programs, made anew when something of them has changed. Throws IMAGE_UNFIT. */
export async function bundled(role: ImageRole, facts: FileFacts, derived: Derived, root = nslabRoot): Promise<string> {
  requireBuilt(role, root)
  const compiled = await filesUnder(root, 'dist', /\.js$/)
  const digests = await allOf([...compiled, 'package-lock.json'].map(path => facts.digest(join(root, path))))
  return derived.folder(`programs-${BUNDLE_VERSION}`, [...compiled, ...digests], async to => {
    await writeBundle(to, root)
  })
}

async function writeBundle(to: string, root: string): Promise<void> {
  const { bundlePrograms } = await import('./bundle.ts')
  for (const [path, text] of Object.entries(await bundlePrograms({ root, entry: PROGRAMS, fast: AGENT }))) {
    await mkdir(dirname(join(to, path)), { recursive: true })
    await writeFile(join(to, path), text)
  }
}

/** The bundle's chunks are no ES modules. */
const COMMON_JS = '{"type":"commonjs"}\n'

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

/** Adds the program that the kernel starts. */
export const addInit = (tree: Tree, root = nslabRoot): void => tree.file('init', join(root, NATIVE, 'nslab-init'), true)

/** Adds /nslab, whose programs are in the folder `bundle`. */
export async function addNslab(tree: Tree, facts: FileFacts, bundle: string, root = nslabRoot): Promise<void> {
  const { files, programs } = await guestFiles(bundle, root)
  for (const [path, source] of Object.entries(files)) tree.file(`${GUEST_ROOT}/${path}`, source)
  tree.text(`${GUEST_ROOT}/dist/package.json`, COMMON_JS)
  for (const [path, source] of Object.entries(programs)) await addProgram(tree, facts, `${GUEST_ROOT}/${path}`, source)
  addInit(tree, root)
  tree.text('usr/bin/nslab', `#!/bin/sh\nexec node /${GUEST_ROOT}/${PROGRAMS} "$@"\n`, true)
}

interface GuestFiles {
  /** Path in nslab's folder of a guest → file here. */
  readonly files: Readonly<Record<string, string>>
  /** The same, of what is linked with libraries. */
  readonly programs: Readonly<Record<string, string>>
}

async function guestFiles(bundle: string, root: string): Promise<GuestFiles> {
  const own = ['package.json', ...(await filesUnder(root, 'soak/scenarios', /\.toml$/))]
  const bundled = await filesUnder(bundle, 'dist', /\.js$/)
  return {
    files: {
      ...Object.fromEntries(own.map(path => [path, join(root, path)])),
      ...Object.fromEntries(bundled.map(path => [path, join(bundle, path)])),
    },
    programs: Object.fromEntries(NATIVE_FILES.map(name => [`${NATIVE}/${name}`, join(root, NATIVE, name)])),
  }
}

/**
 * Writes /nslab as a guest has it into `to`, which must not be there yet: for images whose libraries come otherwise
 * (the flake's). Throws IMAGE_UNFIT.
 */
export async function writeGuestFiles(role: ImageRole, to: string, root = nslabRoot): Promise<void> {
  requireBuilt(role, root)
  await mkdir(to, { recursive: false })
  await writeBundle(to, root)
  const { files, programs } = await guestFiles(to, root)
  for (const [path, source] of Object.entries({ ...files, ...programs })) {
    if (source === join(to, path)) continue
    await mkdir(dirname(join(to, path)), { recursive: true })
    await copyFile(source, join(to, path))
  }
  await writeFile(join(to, 'dist/package.json'), COMMON_JS)
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
