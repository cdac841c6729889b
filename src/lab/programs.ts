// The programs of a run: fabric root, controller, dataplane. Started together, ended in order.

import { closeSync } from 'node:fs'
import { NslabError } from '../base/errors.ts'
import { type Netns, native } from '../native.ts'
import type { RunContext } from './context.ts'
import { Program } from './program.ts'

/** How long a program may take to load, start its database and listen. */
const READY_LIMIT_S = 60

/** Small young generations: the fleet's memory is counted per node, and short-lived garbage is little. */
const NODE_FLAGS = ['--max-semi-space-size=2'] as const

export interface Programs {
  readonly root: Netns
  readonly controller: Program
  readonly dataplanes: readonly Program[]
}

export interface ProgramFlags {
  readonly keep: boolean
}

/** Makes the fabric root and starts controller and dataplane; resolves when all are ready. */
export async function startPrograms(
  context: RunContext,
  flags: ProgramFlags,
  started: Partial<MutablePrograms>,
): Promise<Programs> {
  const { folder, runId } = context
  folder.ledger.intent('netns_create', { what: 'fabric root' })
  const root = await native.Netns.create()
  started.root = root
  folder.ledger.done('netns_create', { what: 'fabric root', ...identityFacts(root) })

  const start = (name: 'controller' | 'dataplane', extra: readonly string[]): Program => {
    folder.ledger.intent('process_start', { name })
    const consoleFd = folder.openAppend(`console/${name}.log`)
    try {
      const program = new Program({
        name,
        nodeFlags: NODE_FLAGS,
        args: [
          '--plan',
          folder.file('plan.json'),
          '--run-folder',
          folder.path,
          '--run-id',
          runId,
          '--origin-ns',
          String(context.originNs),
          ...extra,
        ],
        fabricFd: root.fd,
        consoleFd,
        lastWords: () => folder.lastLines(`console/${name}.log`),
        env: { NSLAB_RUN: runId },
        onEvent: event => context.see(event),
        onFailure: error => context.abort(error),
      })
      folder.ledger.done('process_start', { name, pid: program.pid })
      return program
    } finally {
      closeSync(consoleFd)
    }
  }
  started.controller = start('controller', flags.keep ? ['--keep-database'] : [])
  started.dataplanes = [start('dataplane', ['--fleet', '0'])]
  const programs = { root, controller: started.controller, dataplanes: started.dataplanes }
  const all = [programs.controller, ...programs.dataplanes]
  await context.awaiting(Promise.all(all.map(program => program.ready)), READY_LIMIT_S, () => {
    return new NslabError('DEADLINE', {
      waitingFor: 'controller and dataplane ready',
      limitS: READY_LIMIT_S,
      missing: 'one of them',
    })
  })
  return programs
}

export type MutablePrograms = { -readonly [K in keyof Programs]: Programs[K] }

export interface EndedPrograms {
  readonly facts: Readonly<Record<string, number>>
  /** What a dataplane could not see removed. */
  readonly remaining: readonly string[]
}

/** Ends what was started: nodes and fabric first, then the controller with its database, then the fabric root. */
export async function endPrograms(started: Partial<MutablePrograms>, deadlineS: number): Promise<EndedPrograms> {
  const facts: Record<string, number> = {}
  const remaining: string[] = []
  for (const dataplane of started.dataplanes ?? []) {
    const stopped = await dataplane.stop(deadlineS)
    Object.assign(facts, stopped?.facts)
    remaining.push(...(stopped?.remaining ?? []))
  }
  const stopped = await started.controller?.stop(deadlineS)
  Object.assign(facts, stopped?.facts)
  started.root?.close()
  return { facts, remaining }
}

/** A namespace's identity for the ledger. */
export function identityFacts(netns: Netns): Readonly<Record<string, string>> {
  const { cookie, device, inode, createdNs } = netns.identity
  return { cookie: String(cookie), device: String(device), inode: String(inode), created_ns: String(createdNs) }
}
