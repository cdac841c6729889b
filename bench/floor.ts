// Builds and runs the floor (bench/floor/floor.cc): the kernel objects of a fleet with nothing around them.

import { execFile } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
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

const packetUnits = ['drop', 'frame', 'pool', 'spares', 'drr_queue', 'egress', 'route_table', 'stream']

/** Native sources of the addon that a bench program is made with. */
const withNative: Readonly<Record<string, readonly string[]>> = {
  setns: ['base/status.cc', 'base/sys.cc', 'netns/netns.cc', 'netns/switch_log.cc'],
  engine: packetUnits.map(name => `engine/packets/${name}.cc`),
}

/** Each in a folder of its name. */
type BenchProgram = 'floor' | 'setns' | 'collect' | 'bare' | 'engine'

/** Compiles a native bench program where it is older than a source of its. Returns its path. */
export async function compiled(name: BenchProgram): Promise<string> {
  const native = fileURLToPath(new URL('../native', import.meta.url))
  const own = fileURLToPath(new URL(`${name}/${name}.cc`, import.meta.url))
  const sources = [own, ...(withNative[name] ?? []).map(source => `${native}/${source}`)]
  const program = `${native}/build/bench/${name}`
  mkdirSync(`${native}/build/bench`, { recursive: true })
  const ageOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (ageOf(program) < Math.max(...sources.map(ageOf))) {
    const options = ['-O2', '-std=gnu++20', '-pthread', '-Wall', '-Wextra', '-Wno-restrict', '-I', native]
    await execFileAsync(process.env.CXX ?? 'c++', [...options, '-o', program, ...sources])
  }
  return program
}

/** One run of the floor with `nodes` nodes; `threads` as in the program, by default two where there are two cores. */
export async function measureFloor(nodes: number, threads?: number): Promise<FloorFigures> {
  const program = await compiled('floor')
  const wanted = threads ?? Math.min(2, availableParallelism())
  const { stdout } = await execFileAsync(program, ['--nodes', String(nodes), '--threads', String(wanted)])
  return JSON.parse(stdout) as FloorFigures
}
