// The shared libraries of programs, as this machine's own loader finds them.

import { existsSync } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { basename, delimiter, join } from 'node:path'
import { NslabError } from '../../base/errors.ts'
import { run } from '../../base/exec.ts'
import type { FileFacts } from './file-facts.ts'
import type { Tree } from './tree.ts'

/** Where the loader of Debian looks without being told. */
const FOLDER = 'usr/lib/x86_64-linux-gnu'

/** Where this machine's loader looks, as the set-up has it (src/setup/system.mjs). */
const searched = (): string[] => [
  ...(process.env.LD_LIBRARY_PATH ?? '').split(delimiter).filter(folder => folder !== ''),
  ...[`/${FOLDER}`, '/usr/lib64', '/usr/lib', '/usr/local/lib'],
]

/** The library that programs load by this name; undefined: this machine has none. */
export const findLibrary = (name: string): string | undefined =>
  searched()
    .map(folder => join(folder, name))
    .find(existsSync)

/** Adds a library that nothing is linked with, and whatever it needs itself. */
export async function addLibrary(tree: Tree, facts: FileFacts, name: string, source: string): Promise<void> {
  await addProgram(tree, facts, `${FOLDER}/${name}`, await realpath(source))
}

export interface Libraries {
  /** The program's loader, an absolute path; null for a static program. */
  readonly loader: string | null
  /** Absolute paths, by the names that the program asks for. */
  readonly files: readonly string[]
}

/** Adds a program (or shared object) at `path` and whatever it is linked with. */
export async function addProgram(
  tree: Tree,
  facts: FileFacts,
  path: string,
  source: string,
  from = source,
): Promise<void> {
  tree.file(path, from, true)
  const { loader, files } = await facts.about('libraries', source, () => librariesOf(source))
  if (loader !== null) tree.file(loader, await realpath(loader), true)
  for (const file of files) tree.file(`${FOLDER}/${basename(file)}`, await realpath(file))
}

/** Asks ldd(1). Throws NOT_FIT where a library is missing: then the program doesn't run here either. */
export async function librariesOf(program: string): Promise<Libraries> {
  const { stdout, stderr, code } = await run('ldd', [program], { env: { ...process.env, LC_ALL: 'C' } })
  if (code === 127) throw lacking('there is no ldd (of libc-bin), which finds the libraries of programs')
  if (/not a dynamic executable|statically linked/.test(stdout + stderr)) return { loader: null, files: [] }
  const absent = /^\s*(\S+) => not found/m.exec(stdout)
  if (absent !== null) throw lacking(`${program} needs ${absent[1]}, which is not there`)
  const files = [...stdout.matchAll(/=> (\/\S+) \(/g)].map(([, path = '']) => path)
  const loader = /^\s*(\/\S+) \(/m.exec(stdout)?.[1] ?? null
  return { loader, files: files.filter(file => file !== loader).sort() }
}

const lacking = (problem: string): NslabError =>
  new NslabError('NOT_FIT', { problems: [`for a guest image: ${problem}`] })
