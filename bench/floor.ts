// Builds and runs the floor (bench/floor/floor.cc): the kernel objects of a fleet with nothing around them.

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const execFileAsync = promisify(execFile)

export interface FloorFigures {
  readonly nodes: number
  readonly threads: number
  /** First kernel call to the last bridge port forwarding. */
  readonly seconds: number
  /** The part of it that was only waiting for carriers. */
  readonly carrier_s: number
  /** Dropping every namespace to the last link gone. */
  readonly teardown_s: number
}

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
    ...['engine', 'engine/packets', 'engine/lossless', 'engine/lanes', 'engine/max'].flatMap(sourcesOf),
  ],
}

/** Each in a folder of its name. */
type BenchProgram = 'floor' | 'setns' | 'collect' | 'bare' | 'engine' | 'chain'

function sourcesOf(folder: string): string[] {
  return readdirSync(`${native}/${folder}`)
    .filter(name => name.endsWith('.cc'))
    .map(name => `${folder}/${name}`)
}

/** Compiles a native bench program where it is older than what it is made of. Returns its path. */
export async function compiled(name: BenchProgram): Promise<string> {
  const own = fileURLToPath(new URL(`${name}/${name}.cc`, import.meta.url))
  const program = `${native}/build/bench/${name}`
  mkdirSync(`${native}/build/bench`, { recursive: true })
  // As one unit: most of the work is reading the same headers.
  const unit = `${program}.cc`
  const sources = [...(withNative[name] ?? []).map(source => `${native}/${source}`), own]
  const text = sources.map(source => `#include "${source}"\n`).join('')
  if (!existsSync(unit) || readFileSync(unit, 'utf8') !== text) writeFileSync(unit, text)
  const ageOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY
  if (existsSync(program) && ageOf(program) >= Math.max(...madeOf(program).map(ageOf))) return program
  const warnings = ['-Wall', '-Wextra', '-Wno-restrict', '-Wno-subobject-linkage']
  const options = ['-O2', '-std=gnu++20', '-pthread', ...warnings, '-I', native, '-MMD', '-MF', `${program}.d`]
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

/** One run of the floor with `nodes` nodes; `threads` as in the program, by default two where there are two cores. */
export async function measureFloor(nodes: number, threads?: number): Promise<FloorFigures> {
  const program = await compiled('floor')
  const wanted = threads ?? Math.min(2, availableParallelism())
  const { stdout } = await execFileAsync(program, ['--nodes', String(nodes), '--threads', String(wanted)])
  return JSON.parse(stdout) as FloorFigures
}
