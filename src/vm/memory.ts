// How much memory a VM needs for what is to run in it: asked before it boots, because a guest that runs out of memory
// ends in the middle of a run.

import { NslabError } from '../base/errors.ts'

/** What runs in one VM. */
export interface VmLoad {
  readonly vm: string
  /** The image's own least: kernel, root and agent. */
  readonly imageMib: number
  readonly nodes: number
  /** Node.js programs beside the agent: controller, dataplane. */
  readonly programs: number
  readonly hasDatabase: boolean
}

/** Of one Node.js program with its code compiled: 60 to 115 MB measured for controller and dataplane at 10 nodes. */
const PROGRAM_MIB = 110
/** The lab's private PostgreSQL: 27 MB measured, and as much again while it starts. */
const DATABASE_MIB = 56
/**
 * KiB of one node: 300 in the kernel (namespace, veth pair, bridge port; measured to 4,000), and what controller and
 * dataplane keep of it. 629 kB measured, all together, with 400 nodes.
 */
const NODE_KIB = 640

/** MiB, a multiple of 16. */
export function memoryNeededMib({ imageMib, nodes, programs, hasDatabase }: VmLoad): number {
  const mib = imageMib + programs * PROGRAM_MIB + (hasDatabase ? DATABASE_MIB : 0) + (nodes * NODE_KIB) / 1024
  return Math.ceil(mib / 16) * 16
}

/** Throws VM_TOO_SMALL where `askedMib` is not enough, saying what it is needed for. */
export function requireMemory(load: VmLoad, askedMib: number): void {
  const neededMib = memoryNeededMib(load)
  if (askedMib >= neededMib) return
  const { vm, imageMib, nodes, programs, hasDatabase } = load
  const parts = [
    `${imageMib} for the guest itself`,
    ...(programs === 0 ? [] : [`${programs * PROGRAM_MIB} for ${programs} program${programs === 1 ? '' : 's'}`]),
    ...(hasDatabase ? [`${DATABASE_MIB} for the database`] : []),
    ...(nodes === 0 ? [] : [`${Math.ceil((nodes * NODE_KIB) / 1024)} for ${nodes} nodes`]),
  ]
  throw new NslabError('VM_TOO_SMALL', { vm, askedMib, neededMib, parts })
}
