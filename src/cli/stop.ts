// nslab stop: ends VMs that runs have kept, and, when forced, runs that still go on.

import { basename } from 'node:path'
import type { Command } from 'commander'
import { NslabError } from '../base/errors.ts'
import { interruptRun, stopKept } from '../lab/keep/stop.ts'
import { type LiveRun, listRuns, liveRunIn } from '../lab/state/live-runs.ts'
import { chooseRun, isNamed } from '../lab/visit/node-exec.ts'
import { findVm } from '../lab/visit/vms.ts'

interface Options {
  readonly run?: string
  readonly force?: boolean
}

export function addStopCommand(program: Command): void {
  program
    .command('stop')
    .summary('end the VMs that runs have kept')
    .description(
      'Switches VMs off that runs with --keep have left: all of them, those of one run, or one. A run that still goes ' +
        'on is only ended, in order, when it is forced.',
    )
    .argument('[what]', 'a VM, or a run: the start of its id, its folder, or the name of that')
    .option('--run <run>', 'whose VM: the start of its id, its folder, or the name of that')
    .option('--force', 'interrupt a run that still goes on; end kept VMs without a word to their guests')
    .action(async (what: string | undefined, options: Options) => {
      for (const line of await stop(what, options)) process.stdout.write(`${line}\n`)
    })
}

async function stop(what: string | undefined, options: Options): Promise<string[]> {
  const { live } = listRuns()
  if (what === undefined && options.run === undefined) return stopAll(live, options)
  const run = what === undefined ? runOf(live, options.run as string) : namedRun(live, what)
  if (run !== null) return stopRun(run, null, options)
  const found = await findVm(what, options.run)
  return stopRun(found.run, found.vm.name, options)
}

const runOf = (live: readonly LiveRun[], wanted: string): LiveRun => liveRunIn(wanted) ?? chooseRun(live, wanted)

/** Null where it is no run's name. */
function namedRun(live: readonly LiveRun[], wanted: string): LiveRun | null {
  return live.some(run => isNamed(run, wanted)) || liveRunIn(wanted) !== null ? runOf(live, wanted) : null
}

async function stopAll(live: readonly LiveRun[], options: Options): Promise<string[]> {
  const kept = live.filter(run => run.kept === true)
  const lines = (await Promise.all(kept.map(run => stopRun(run, null, options)))).flat()
  if (lines.length > 0) return lines
  if (live.length === 0) return ['no VM was kept']
  const problem = `no VM was kept; ${live.map(run => basename(run.folder)).join(', ')} still goes on`
  throw new NslabError('USAGE', { problem, hint: 'nslab stop RUN --force interrupts one.' })
}

async function stopRun(run: LiveRun, vm: string | null, { force = false }: Options): Promise<string[]> {
  const name = basename(run.folder)
  if (run.kept === true) {
    const words = await stopKept(run, vm, force)
    return [...words, `${vm ?? 'the VMs'} of ${name} ended`]
  }
  if (!force) {
    const problem = `${vm === null ? name : `${vm} is of ${name}, which`} still goes on`
    throw new NslabError('USAGE', { problem, hint: '--force interrupts the run.' })
  }
  await interruptRun(run)
  return [`${name} was interrupted`]
}
