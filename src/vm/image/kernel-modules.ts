// A kernel's modules: what each needs and answers to, read from the modules themselves as depmod(8) does, because a
// package that was only unpacked has no modules.dep yet.

import { readdir, readFile } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'

export interface KernelModule {
  /** With underscores, as the kernel names it. */
  readonly name: string
  /** Inside the folder of modules, `kernel/net/…/x.ko`. */
  readonly path: string
  /** Names of the modules that it needs first. */
  readonly depends: readonly string[]
  readonly aliases: readonly string[]
}

export interface ModuleIndex {
  readonly modules: Readonly<Record<string, KernelModule>>
  /** Names of what is part of the kernel itself. */
  readonly builtin: readonly string[]
}

/** One name for `pvpanic-mmio` and `pvpanic_mmio`. */
export const moduleName = (name: string): string => name.replaceAll('-', '_')

/** Reads every module under `folder` (/lib/modules/RELEASE); some 0.3 s for a thousand. */
export async function indexModules(folder: string): Promise<ModuleIndex> {
  const names = await readdir(join(folder, 'kernel'), { recursive: true, withFileTypes: true })
  const files = names.filter(entry => entry.isFile() && entry.name.endsWith('.ko'))
  const modules: Record<string, KernelModule> = {}
  for (const file of files) {
    const path = join(file.parentPath, file.name)
    const info = modinfo(await readFile(path))
    const name = moduleName(basename(file.name, '.ko'))
    modules[name] = {
      name,
      path: relative(folder, path),
      depends: (info.get('depends')?.[0] ?? '').split(',').filter(Boolean).map(moduleName),
      aliases: info.get('alias') ?? [],
    }
  }
  const builtin = await readFile(join(folder, 'modules.builtin'), 'utf8').catch(() => '')
  return {
    modules,
    builtin: builtin
      .split('\n')
      .filter(Boolean)
      .map(path => moduleName(basename(path, '.ko'))),
  }
}

/** Key → values of the section .modinfo: `key=value` strings, each ended by a zero. */
export function modinfo(module: Buffer): Map<string, string[]> {
  const result = new Map<string, string[]>()
  for (const line of section(module, '.modinfo').toString('utf8').split('\0')) {
    const equals = line.indexOf('=')
    if (equals <= 0) continue
    const key = line.slice(0, equals)
    result.set(key, [...(result.get(key) ?? []), line.slice(equals + 1)])
  }
  return result
}

/** A section of a 64-bit little-endian ELF file by its name; empty where it has none. Layout: elf(5). */
function section(file: Buffer, name: string): Buffer {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file.readUInt8(4) !== 2) return Buffer.alloc(0)
  const headers = Number(file.readBigUInt64LE(0x28))
  const [size, count, namesIndex] = [file.readUInt16LE(0x3a), file.readUInt16LE(0x3c), file.readUInt16LE(0x3e)]
  const at = (index: number) => {
    const start = headers + index * size
    const offset = Number(file.readBigUInt64LE(start + 0x18))
    const bytes = file.subarray(offset, offset + Number(file.readBigUInt64LE(start + 0x20)))
    return { nameOffset: file.readUInt32LE(start), bytes }
  }
  const names = at(namesIndex).bytes
  for (let index = 0; index < count; index++) {
    const { nameOffset, bytes } = at(index)
    if (names.toString('latin1', nameOffset, names.indexOf(0, nameOffset)) === name) return bytes
  }
  return Buffer.alloc(0)
}

/**
 * The modules by these names and all that they need, each after what it needs. What is built into the kernel needs no
 * module. `missing`: names that the kernel has in neither way.
 */
export function closure(index: ModuleIndex, names: readonly string[]): { modules: KernelModule[]; missing: string[] } {
  const found = new Map<string, KernelModule>()
  const missing = new Set<string>()
  const visit = (name: string): void => {
    if (found.has(name) || index.builtin.includes(name)) return
    const module = index.modules[name]
    if (module === undefined) {
      missing.add(name)
      return
    }
    for (const needed of module.depends) visit(needed)
    found.set(name, module)
  }
  for (const name of names) visit(moduleName(name))
  return { modules: [...found.values()], missing: [...missing] }
}

/** Ends a signed module; before it are the signature's length in 4 bytes, big-endian, and 8 bytes about its kind. */
const SIGNED = Buffer.from('~Module signature appended~\n')
const SIGNATURE_INFO_BYTES = 12

/**
 * The module without its signature. To check one takes the kernel 15 ms under emulation, nine tenths of the time that
 * loading it takes; a guest that carries only what its image's digest vouches for gains nothing by that. The kernel
 * loads it all the same and says once that it is tainted (E). Layout: the kernel's include/linux/module_signature.h.
 */
export function withoutSignature(module: Buffer): Buffer {
  const end = module.length - SIGNED.length
  if (end < SIGNATURE_INFO_BYTES || !module.subarray(end).equals(SIGNED)) return module
  const signatureBytes = module.readUInt32BE(end - 4)
  return module.subarray(0, Math.max(0, end - SIGNATURE_INFO_BYTES - signatureBytes))
}

/** The files that modprobe reads, for these modules alone; lines in the order of depmod's. */
export function modprobeFiles(index: ModuleIndex, modules: readonly KernelModule[]): Record<string, string> {
  const sorted = [...modules].sort((a, b) => (a.path < b.path ? -1 : 1))
  const dependencies = sorted.map(module => {
    const needed = closure(index, [module.name]).modules.filter(other => other !== module)
    // What is needed last of all is named first.
    return `${[`${module.path}:`, ...needed.reverse().map(({ path }) => path)].join(' ')}\n`
  })
  const aliases = sorted.flatMap(({ name, aliases }) => aliases.map(alias => `alias ${alias} ${name}\n`))
  return { 'modules.dep': dependencies.join(''), 'modules.alias': aliases.join(''), 'modules.symbols': '' }
}
