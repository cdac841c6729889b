// The native programs of benchmarks, each compiled with those sources of the addon that it measures.

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { engineSources, native, sourcesOf } from './native-sources.ts'

const execFileAsync = promisify(execFile)

/** Native sources of the addon that a bench program is made with. */
const withNative: Readonly<Record<string, readonly string[]>> = {
  setns: ['base/status.cc', 'base/sys.cc', 'netns/netns.cc', 'netns/switch_log.cc'],
  engine: sourcesOf('engine/packets'),
  chain: [
    ...engineSources,
    'netns/setting.cc',
    ...['address', 'batch', 'link', 'route', 'socket'].map(name => `rtnl/${name}.cc`),
  ],
}

/** Each in a folder of its name. */
export const benchPrograms = ['floor', 'setns', 'collect', 'bare', 'engine', 'chain'] as const
type BenchProgram = (typeof benchPrograms)[number]

/**
 * Compiles a native bench program into `folder` where what is there is older than what it is made of. Returns its path.
 * `optimize`: another level only where it is not to be measured.
 */
export async function compiled(
  name: BenchProgram,
  folder = `${native}/build/bench`,
  optimize = '-O2',
): Promise<string> {
  const own = fileURLToPath(new URL(`${name}/${name}.cc`, import.meta.url))
  const program = `${folder}/${name}`
  mkdirSync(folder, { recursive: true })
  // As one unit: most of the work is reading the same headers.
  const unit = `${program}.cc`
  const sources = [...(withNative[name] ?? []).map(source => `${native}/${source}`), own]
  const text = sources.map(source => `#include "${source}"\n`).join('')
  if (!existsSync(unit) || readFileSync(unit, 'utf8') !== text) writeFileSync(unit, text)
  const ageOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY
  if (existsSync(program) && ageOf(program) >= Math.max(...madeOf(program).map(ageOf))) return program
  const warnings = ['-Wall', '-Wextra', '-Wno-restrict', '-Wno-subobject-linkage']
  const options = [optimize, '-std=gnu++20', '-pthread', ...warnings, '-I', native, '-MMD', '-MF', `${program}.d`]
  await execFileAsync(process.env.CXX ?? 'c++', [...options, '-o', program, unit])
  return program
}

/** Every file that was read when it was compiled, as the compiler wrote them down; one that is not there otherwise. */
function madeOf(program: string): string[] {
  const rule = `${program}.d`
  if (!existsSync(rule)) return [rule]
  const [, files = ''] = readFileSync(rule, 'utf8').split(': ')
  return files.split(/[\s\\]+/).filter(file => file !== '')
}
