// nslab controller: the control server, by hand or as a program of `nslab run`.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Command } from 'commander'

import { systemClock } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import { parseControllerConfig } from '../config/controller.ts'
import type { ControllerOptions } from '../controller/main.ts'
import { isResetAsked } from '../controller/store.ts'
import type { Plan } from '../lab/plan-types.ts'
import type { Addon } from '../native.ts'
import { formatEvent } from './event-line.ts'

interface Flags {
  readonly config?: string
  readonly deadline?: string
  readonly token?: string
  readonly plan?: string
  readonly fabricFd?: string
  readonly channelFd?: string
  readonly runId?: string
  readonly originNs?: string
  readonly runFolder?: string
  readonly keepDatabase?: boolean
}

export function addControllerCommand(program: Command): void {
  const command = program
    .command('controller')
    .summary('the control server')
    .description(
      'Knows topology, routes, flows and link rates, and brings nodes together; keeps its state in PostgreSQL.',
    )
    .option('--config <file>', 'TOML file with the published keys of a controller')
    .option('--token <token>', 'what a node must show; needed unless only loopback is listened on (key: token)')
    .option('--deadline <seconds>', 'give up, naming the missing ids, when not all nodes are wired by then')
  for (const flag of ['plan', 'fabric-fd', 'channel-fd', 'run-id', 'origin-ns', 'run-folder']) {
    command.addOption(command.createOption(`--${flag} <value>`, 'set by nslab run').hideHelp())
  }
  command.addOption(command.createOption('--keep-database', 'set by nslab run').hideHelp())
  command.action(async (flags: Flags) => {
    const stop = new AbortController()
    const unhook = hookSignals(stop)
    const ownFolder = flags.runFolder === undefined ? mkdtempSync(join(tmpdir(), 'nslab-controller-')) : undefined
    try {
      const config = flags.plan === undefined ? byHand(flags) : ofRun(flags.plan)
      // Loaded after the configuration was read: a wrong key is answered without the database client and the addon.
      const { runController } = await import('../controller/main.ts')
      await runController({
        ...(await inherit(flags)),
        config,
        runId: flags.runId ?? randomBytes(16).toString('hex'),
        originNs: flags.originNs === undefined ? systemClock.nowNs() : BigInt(flags.originNs),
        clock: systemClock,
        databaseFolder: join(flags.runFolder ?? (ownFolder as string), 'db'),
        keepDatabase: flags.keepDatabase === true,
        resetDatabase: isResetAsked(process.env.CONTROLLER_RESET_DB),
        signal: stop.signal,
        ...(flags.deadline === undefined ? {} : { deadlineS: secondsOf(flags.deadline) }),
        ...(flags.channelFd === undefined ? { onEvent: event => process.stderr.write(`${formatEvent(event)}\n`) } : {}),
      })
    } finally {
      unhook()
      if (ownFolder !== undefined) rmSync(ownFolder, { recursive: true, force: true })
    }
  })
}

/** A controller started by hand. */
function byHand(flags: Flags): ControllerOptions['config'] {
  const text = flags.config === undefined ? '' : readText(flags.config)
  const config = parseControllerConfig(text, flags.config ?? 'the command line', { token: flags.token })
  for (const warning of config.warnings) process.stderr.write(`nslab: warning: ${warning}\n`)
  return config
}

/** The controller of `nslab run`: everything comes from the plan. */
function ofRun(planPath: string): ControllerOptions['config'] {
  return (JSON.parse(readText(planPath)) as Plan).scenario.controller
}

/** What `nslab run` hands over: its end of the channel, the fabric root, and its own death. */
async function inherit(flags: Flags): Promise<Pick<ControllerOptions, 'fabric' | 'steering'>> {
  const parentPid = process.env.NSLAB_PARENT_PID
  if (flags.fabricFd === undefined && flags.channelFd === undefined && parentPid === undefined) return {}
  const { native }: { native: Addon } = await import('../native.ts')
  if (parentPid !== undefined) native.setParentDeathSignal(9, Number(parentPid))
  native.closeOnExec([])
  return {
    ...(flags.fabricFd === undefined ? {} : { fabric: native.Netns.fromFd(Number(flags.fabricFd)) }),
    ...(flags.channelFd === undefined
      ? {}
      : { steering: new Socket({ fd: Number(flags.channelFd), readable: true, writable: true }) }),
  }
}

/** The first signal ends the controller in order, the second ends the process; the kernel then ends what it started. */
function hookSignals(stop: AbortController): () => void {
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(130)
    stop.abort()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return () => process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
}

function secondsOf(text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new NslabError('USAGE', { problem: `--deadline ${text}: must be a number of seconds above 0` })
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new NslabError('FILE_UNREADABLE', { path, reason: (error as Error).message }, { cause: error })
  }
}
