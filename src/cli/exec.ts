// nslab exec NODE -- CMD…: runs a command in a node's namespace, or in a VM; its exit code is ours.

import type { ChildProcess } from 'node:child_process'
import type { Command } from 'commander'
import { NslabError } from '../base/errors.ts'
import { type LiveRun, listRuns, liveRunIn } from '../lab/state/live-runs.ts'
import { LabClient } from '../lab/visit/client.ts'
import { chooseRun, execInNode } from '../lab/visit/node-exec.ts'
import { findVm } from '../lab/visit/vms.ts'
import { runRemotely } from './remote-command.ts'

interface Options {
  readonly run?: string
  readonly vm?: string
}

export function addExecCommand(program: Command): void {
  program
    .command('exec')
    .summary("run a command in a node's namespace, or in a VM")
    .description(
      "Runs CMD in the network namespace of a live run's node, wherever that is; with --vm in a VM itself. It ends " +
        'when the fleet does; its exit code is ours.',
    )
    .usage('[options] NODE -- CMD...\n       nslab exec [options] --vm VM -- CMD...')
    .argument('[words...]', "the node's id; then, after --, program and arguments")
    .option('--vm <vm>', 'in this VM, as nslab vms shows it, in place of a node')
    .option('--run <run>', 'which live run: the start of its id, its folder, or the name of that')
    .action(async (words: string[], options: Options) => {
      process.exitCode =
        options.vm === undefined ? await inNode(words, options) : await inVm(words, options.vm, options)
    })
}

async function inVm(command: readonly string[], name: string, options: Options): Promise<number> {
  if (command.length === 0)
    throw new NslabError('USAGE', { problem: 'no command to run', hint: 'It follows after --.' })
  const { run, vm } = await findVm(name, options.run)
  return runRemotely(await LabClient.connect(run), { vm: vm.name }, command)
}

async function inNode([node, ...command]: readonly string[], { run: wanted }: Options): Promise<number> {
  if (node === undefined || !/^\d+$/.test(node))
    throw new NslabError('USAGE', {
      problem: `NODE must be an id, not "${node ?? ''}"`,
      hint: 'nslab exec 1 -- ip addr',
    })
  if (command.length === 0)
    throw new NslabError('USAGE', { problem: 'no command to run', hint: 'It follows after --.' })
  const nodeId = Number(node)
  const run = (wanted && liveRunIn(wanted)) || chooseRun(candidates(wanted), wanted)
  if (run.lab_socket !== undefined) return runRemotely(await LabClient.connect(run), { node_id: nodeId }, command)
  const onWarning = (warning: string): boolean => process.stderr.write(`nslab: warning: ${warning}\n`)
  const result = await execInNode({ run, nodeId, command, onStart: forwardSignals, onWarning })
  if (result.fleetEnded) process.stderr.write('nslab: the fleet ended, and the command with it\n')
  return result.exitCode
}

/** Runs that are over have no nodes: they are only meant where they are named, or nothing else could be. */
function candidates(wanted: string | undefined): readonly LiveRun[] {
  const { live } = listRuns()
  const goingOn = live.filter(run => run.kept !== true)
  return wanted === undefined && goingOn.length > 0 ? goingOn : live
}

/**
 * Signals meant for us are meant for the command. A terminal sends SIGINT and SIGQUIT to both itself, so there they are
 * only survived.
 */
function forwardSignals(launcher: ChildProcess): void {
  const { isTTY } = process.stdin
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => launcher.kill(signal))
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) process.on(signal, () => isTTY || launcher.kill(signal))
}
