// The root of the command line. A command's module is loaded when that command is asked for, all of them for the help.
// Alone in turning errors into words and exit codes.

import { exitCodeOf, NslabError } from '../base/errors.ts'
import { Log } from '../base/log.ts'
import { KEEPER_COMMAND } from '../lab/keep/protocol.ts'
import type { AddCommand } from './program.ts'

/** Commands in the order of the help. */
const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  run: async () => (await import('./run/run.ts')).addRunCommand,
  plan: async () => (await import('./plan.ts')).addPlanCommand,
  list: async () => (await import('./list.ts')).addListCommand,
  doctor: async () => (await import('./doctor.ts')).addDoctorCommand,
  report: async () => (await import('./report.ts')).addReportCommand,
  replay: async () => (await import('./replay.ts')).addReplayCommand,
  compare: async () => (await import('./compare.ts')).addCompareCommand,
  controller: async () => (await import('./controller.ts')).addControllerCommand,
  dataplane: async () => (await import('./dataplane.ts')).addDataplaneCommand,
  collect: async () => (await import('./collect.ts')).addCollectCommand,
  churn: async () => (await import('./hidden/churn.ts')).addChurnCommand,
  sockets: async () => (await import('./sockets.ts')).addSocketsCommand,
  vms: async () => (await import('./vms.ts')).addVmsCommand,
  shell: async () => (await import('./shell.ts')).addShellCommand,
  stop: async () => (await import('./stop.ts')).addStopCommand,
  exec: async () => (await import('./exec.ts')).addExecCommand,
  link: async () => (await import('./link.ts')).addLinkCommand,
  probe: async () => (await import('./probe.ts')).addProbeCommand,
  capture: async () => (await import('./capture.ts')).addCaptureCommand,
  reap: async () => (await import('./reap.ts')).addReapCommand,
  soak: async () => (await import('./hidden/soak.ts')).addSoakCommand,
  connections: async () => (await import('./connections.ts')).addConnectionsCommand,
  remote: async () => (await import('./remote.ts')).addRemoteCommand,
  selfcheck: async () => (await import('./selfcheck/selfcheck.ts')).addSelfcheckCommand,
  image: async () => (await import('./image.ts')).addImageCommand,
  'seal-image': async () => (await import('./hidden/image-parts.ts')).addSealImageCommand,
  'guest-files': async () => (await import('./hidden/image-parts.ts')).addGuestFilesCommand,
}

/**
 * What a guest's init starts goes past the command line's parser and past the streams of a terminal: under emulation
 * they take 0.3 and 0.1 s.
 */
async function main(args: readonly string[]): Promise<void> {
  if (args[0] === 'agent') return (await import('./hidden/agent.ts')).runAgentCommand(args.slice(1))
  if (args[0] === 'guest-run') return (await import('./hidden/guest-run.ts')).runGuestCommand()
  process.stdout.on('error', onOutputRefused)
  // A run goes on, and is ended in order, when nobody can hear of it any more: `2>&1 | head -1`, a full disk, a lost
  // terminal.
  process.stderr.on('error', () => {})
  if (args[0] === KEEPER_COMMAND) return (await import('./hidden/keep-run.ts')).runKeepCommand()
  await (await import('./program.ts')).runProgram(args, commands)
}

/** Says why and ends the process: whatever still runs is of no use after an error nobody handled. */
function endWith(error: unknown): never {
  const log = new Log('info')
  if (error instanceof NslabError) {
    log.error(error.message)
    if (error.hint !== undefined) log.info(error.hint)
  } else {
    log.error(`a bug in nslab: ${error instanceof Error ? error.stack : String(error)}`)
  }
  process.exit(exitCodeOf(error))
}

/** `nslab list | head -1`: the reader has what it wanted; the command goes on and its exit code stands. */
function onOutputRefused(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE' || error.code === 'EIO') return
  endWith(
    new NslabError('DISK_REFUSED', { path: 'standard output', reason: error.code ?? error.message, errno: error.code }),
  )
}

process.on('uncaughtException', endWith)
await main(process.argv.slice(2)).catch(endWith)
