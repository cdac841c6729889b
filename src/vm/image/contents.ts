// The root of a guest: which file of this machine stands where.

import { existsSync } from 'node:fs'
import { readdir, realpath } from 'node:fs/promises'
import { basename, delimiter, dirname, join } from 'node:path'
import { NslabError } from '../../base/errors.ts'
import { run } from '../../base/exec.ts'
import { findPostgres } from '../../controller/postgres-programs.ts'
import type { FileFacts } from './file-facts.ts'
import { closure, type KernelModule, type ModuleIndex, modprobeFiles } from './kernel-modules.ts'
import { addLibrary, addProgram, findLibrary } from './libraries.ts'
import { addInit, addNslab, GUEST_ROOT } from './nslab-files.ts'
import type { Role } from './role.ts'
import { Tree } from './tree.ts'
import { type ImageRole, ROOT_SERIAL } from './types.ts'

export interface Kernel {
  /** `uname -r` of it. */
  readonly release: string
  /** The package's version, or the release where it is installed without one. */
  readonly version: string
  /** The bzImage. */
  readonly image: string
  /** The folder that its modules' paths are inside of. */
  readonly modulesFolder: string
  readonly index: ModuleIndex
}

export interface Ingredients {
  readonly role: ImageRole
  readonly recipe: Role
  readonly kernel: Kernel
  /** A static busybox. */
  readonly busybox: string
  /** Node.js as it goes into the image. */
  readonly node: string
  /** The folder of the kernel's modules as they go into the image. */
  readonly modules: string
  /** nslab's programs as they go into the image. */
  readonly bundle: string
}

export interface Contents {
  /** The root. */
  readonly tree: Tree
  /** What finds the root on a disk. */
  readonly initrd: Tree
  /** Every module in it, by name. */
  readonly modules: readonly string[]
  /** Programs of this machine that are in it: name → path here. */
  readonly programs: Readonly<Record<string, string>>
}

/** Where the programs of Debian are; a user's PATH leaves the last two out. */
const SEARCHED = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']

/** The first executable of this name. */
export const findProgram = (name: string): string | undefined =>
  SEARCHED.filter(folder => folder.startsWith('/'))
    .map(folder => join(folder, name))
    .find(existsSync)

/** Reads which files there are, and none of the big ones. Throws IMAGE_UNFIT. */
export async function contentsOf(ingredients: Ingredients, facts: FileFacts): Promise<Contents> {
  const { recipe } = ingredients
  const tree = new Tree()
  addSystem(tree, ingredients)
  await addBusybox(tree, facts, ingredients.busybox)
  await addProgram(tree, facts, 'usr/bin/node', process.execPath, ingredients.node)
  await addNslab(tree, facts, ingredients.bundle)
  const programs: Record<string, string> = {}
  for (const name of recipe.programs) {
    const path = findProgram(name)
    if (path === undefined) continue
    programs[name] = path
    await addProgram(tree, facts, `usr/bin/${name}`, await realpath(path))
    // busybox has some of these, too, as lesser ones.
    if (tree.has(`usr/sbin/${name}`)) tree.link(`usr/sbin/${name}`, `../bin/${name}`)
  }
  for (const name of recipe.libraries) {
    const path = findLibrary(name)
    if (path !== undefined) await addLibrary(tree, facts, name, path)
  }
  if (recipe.postgres) Object.assign(programs, await addPostgres(tree, facts))
  const modules = addModules(tree, ingredients)
  return { tree, initrd: initrdOf(ingredients), modules: modules.map(({ name }) => name).sort(), programs }
}

function addSystem(tree: Tree, { role, recipe }: Ingredients): void {
  for (const folder of ['dev', 'proc', 'sys', 'run', 'tmp', 'root', 'mnt', 'media', 'srv', 'var/log', 'var/tmp']) {
    tree.folder(folder)
  }
  addConsole(tree)
  tree.device('dev/null', 1, 3)
  tree.text('etc/passwd', lines('root:x:0:0:root:/root:/bin/sh', 'postgres:x:105:110::/var/tmp:/bin/sh', nobody))
  tree.text('etc/group', lines('root:x:0:', 'tty:x:5:', 'postgres:x:110:', 'nogroup:x:65534:'))
  tree.text('etc/nsswitch.conf', lines('passwd: files', 'group: files', 'hosts: files'))
  tree.text('etc/hosts', lines('127.0.0.1 localhost', '::1 localhost'))
  tree.text('etc/hostname', lines(role))
  tree.text('etc/os-release', lines('ID=nslab', 'NAME="nslab guest"', 'PRETTY_NAME="nslab guest"'))
  tree.text('etc/profile', lines('export PS1="\\h:\\w# "'))
  // What init reads; see native/guest/main.cc.
  tree.text('etc/nslab/agent', lines('/usr/bin/node', `/${GUEST_ROOT}/dist/cli/main.js`, 'agent'))
  tree.text('etc/nslab/environment', lines(...environment))
  tree.text('etc/nslab/settings', lines(...Object.entries(recipe.settings).map(([key, value]) => `${key} = ${value}`)))
}

const nobody = 'nobody:x:65534:65534:nobody:/nonexistent:/bin/false'

const environment = ['PATH=/usr/bin:/usr/sbin', 'HOME=/root', 'LANG=C.UTF-8', 'TERM=linux', 'NSLAB_GUEST=1']

const lines = (...text: string[]): string => text.map(line => `${line}\n`).join('')

async function addBusybox(tree: Tree, facts: FileFacts, busybox: string): Promise<void> {
  tree.file('usr/bin/busybox', busybox, true)
  const applets = await facts.about('applets', busybox, async () => {
    const { stdout } = await run(busybox, ['--list-full'])
    return stdout.split('\n').filter(Boolean)
  })
  for (const applet of applets) if (!tree.has(applet)) tree.link(applet, '/usr/bin/busybox')
}

/** Init, which finds it by its list and mounts it, and the modules that init loads before. */
function initrdOf({ kernel, recipe, modules }: Ingredients): Tree {
  const tree = new Tree()
  for (const folder of ['dev', 'proc', 'sys', 'run', 'tmp']) tree.folder(folder)
  addConsole(tree)
  addInit(tree)
  const loaded = closure(kernel.index, [...recipe.modules.boot, ...recipe.modules.root]).modules
  for (const { path } of loaded) tree.file(`modules/${path}`, join(modules, path))
  tree.text('etc/nslab/modules', lines(...loaded.map(({ path }) => `/modules/${path}`)))
  // What native/guest/root.cc looks for.
  tree.text('etc/nslab/root', lines('erofs', ROOT_SERIAL))
  return tree
}

/** Before devtmpfs is there: the kernel opens the console for init. */
const addConsole = (tree: Tree): void => tree.device('dev/console', 5, 1)

/** Every module of a role by its name. */
export const modulesOf = ({ modules }: Role): string[] => [...modules.boot, ...modules.root, ...modules.carried]

/** The modules of the role, with what they need, for init's list and for modprobe. */
function addModules(tree: Tree, { kernel, recipe, modules }: Ingredients): KernelModule[] {
  const boot = closure(kernel.index, recipe.modules.boot).modules
  const all = closure(kernel.index, modulesOf(recipe)).modules
  const folder = `usr/lib/modules/${kernel.release}`
  for (const { path } of all) tree.file(`${folder}/${path}`, join(modules, path))
  for (const [name, text] of Object.entries(modprobeFiles(kernel.index, all))) tree.text(`${folder}/${name}`, text)
  tree.text(`${folder}/modules.builtin`, lines(...kernel.index.builtin.map(name => `kernel/${name}.ko`)))
  tree.text('etc/nslab/modules', lines(...boot.map(({ path }) => `/${folder}/${path}`)))
  return all
}

/** What a server of a run's own needs; see src/controller/private-postgres.ts. Nothing where there is none. */
async function addPostgres(tree: Tree, facts: FileFacts): Promise<Record<string, string>> {
  const found = findPostgres()
  if (found === null) return {}
  // The server finds its folders from where its program really is.
  const home = dirname(await realpath(found.postgres))
  for (const name of ['initdb', 'postgres', 'psql']) {
    const program = await realpath(join(home, name)).catch(() => null)
    if (program === null) continue
    await addProgram(tree, facts, join(home, name), program)
    tree.link(`usr/bin/${name}`, join(home, name))
  }
  const { libraries, share } = await facts.about('postgres folders', join(home, 'initdb'), () => postgresFolders(home))
  for (const name of ['plpgsql.so', 'dict_snowball.so']) {
    await addProgram(tree, facts, join(libraries, name), join(libraries, name))
  }
  for (const entry of await readdir(share, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && SHARED.test(path.slice(share.length + 1))) tree.file(path, path)
  }
  for (const zone of ['UTC', 'GMT']) {
    const path = join('/usr/share/zoneinfo', zone)
    if (existsSync(path)) tree.file(path, await realpath(path))
  }
  return { postgres: found.postgres }
}

/** Of the share folder: what initdb and the server read. The rest is extensions, manuals and translations. */
const SHARED = /^([\w.-]+|timezonesets\/.+|tsearch_data\/.+|extension\/plpgsql.*)$/

/** As pg_config says, which belongs to the client; else where Debian and the sources put them. */
async function postgresFolders(home: string): Promise<{ libraries: string; share: string }> {
  const { code, stdout } = await run(join(home, 'pg_config'), ['--pkglibdir', '--sharedir'])
  const [libraries = '', said = ''] = code === 0 ? stdout.split('\n') : [join(home, '../lib')]
  const version = basename(dirname(home))
  const places = [said, join(home, '../share'), join('/usr/share/postgresql', version)]
  const share = places.find(place => place !== '' && existsSync(join(place, 'postgres.bki')))
  if (share === undefined) {
    const problem = `the files that ${home}/initdb reads are in none of ${places.join(', ')}`
    throw new NslabError('NOT_FIT', { problems: [`for a guest image: ${problem}`] })
  }
  return { libraries, share }
}
