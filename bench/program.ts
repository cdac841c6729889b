// The native programs of benchmarks, each compiled with those sources of the addon that it measures.

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const execFileAsync = promisify(execFile)

const native = fileURLToPath(new URL('../native', import.meta.url))

const packetUnits = ['drop', 'frame', 'pool', 'spares', 'drr_queue', 'egress', 'route_table', 'stream']

/** Native sources of the addon that a bench program is made with. */
const withNative: Readonly<Record<string, readonly string[]>> = {
  setns: ['base/status.cc', 'base/sys.cc', 'netns/netns.cc', 'netns/switch_log.cc'],
  engine: packetUnits.map(name => `engine/packets/${name}.cc`),
  chain: [
    ...['closer', 'status', 'sys', 'thread'].map(name => `base/${name}.cc`),
    ...['netns', 'setting', 'socket', 'switch_log'].map(name => `netns/${name}.cc`),
    ...['address', 'batch', 'link', 'route', 'socket'].map(name => `rtnl/${name}.cc`),
    // The engine whole: every folder of it.
    ...sourcesOf('engine'),
  ],
}

/** Each in a folder of its name. */
export const benchPrograms = ['floor', 'setns', 'collect', 'bare', 'engine', 'chain'] as const
type BenchProgram = (typeof benchPrograms)[number]

function sourcesOf(folder: string): string[] {
  return readdirSync(`${native}/${folder}`, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.cc'))
    .map(name => `${folder}/${name}`)
}

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
