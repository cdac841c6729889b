// Runs the floor (bench/floor/floor.cc): the kernel objects of a fleet with nothing around them.

import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { compiled } from './program.ts'

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

/** One run of the floor with `nodes` nodes; `threads` as in the program, by default two where there are two cores. */
export async function measureFloor(nodes: number, threads?: number): Promise<FloorFigures> {
  const program = await compiled('floor')
  const wanted = threads ?? Math.min(2, availableParallelism())
  const { stdout } = await execFileAsync(program, ['--nodes', String(nodes), '--threads', String(wanted)])
  return JSON.parse(stdout) as FloorFigures
}
