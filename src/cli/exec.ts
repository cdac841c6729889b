// nslab exec NODE -- CMD…: runs a command in a node's namespace; its exit code is ours.

import type { ChildProcess } from 'node:child_process'
import type { Command } from 'commander'
import { NslabError } from '../base/errors.ts'
import { listRuns, liveRunIn } from '../lab/live-runs.ts'
import { chooseRun, execInNode } from '../lab/node-exec.ts'

export function addExecCommand(program: Command): void {
  program
    .command('exec')
    .summary("run a command in a node's namespace")
    .description(
      "Runs CMD in the network namespace of a live run's node. It ends when the fleet does; its exit code is ours.",
    )
    .argument('<node>', "the node's id")
    .argument('<command...>', 'program and arguments, after --')
    .option('--run <run>', 'which live run: the start of its id, its folder, or the name of that')
    .action(async (node: string, command: string[], options: { run?: string }) => {
      if (!/^\d+$/.test(node)) throw new NslabError('USAGE', { problem: `NODE must be an id, not "${node}"` })
      const run = (options.run && liveRunIn(options.run)) || chooseRun(listRuns().live, options.run)
      const result = await execInNode({ run, nodeId: Number(node), command, onStart: forwardSignals })
      if (result.fleetEnded) process.stderr.write('nslab: the fleet ended, and the command with it\n')
      process.exitCode = result.exitCode
    })
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
