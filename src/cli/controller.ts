// nslab controller: the control server, by hand or as a program of `nslab run`.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Command } from 'commander'

import { systemClock } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import { parseControllerConfig } from '../config/controller.ts'
import { readText } from '../config/load.ts'
import { DURATION_S_MAX } from '../config/units.ts'
import type { ControllerOptions } from '../controller/main.ts'
import { isResetAsked } from '../controller/store.ts'
import { formatEvent } from './progress/event-line.ts'
import { addSteeredFlags, hookSignals, inherit, readPlan, type SteeredFlags, timeScaleOf } from './steered-flags.ts'

interface Flags extends SteeredFlags {
  readonly config?: string
  readonly deadline?: string
  readonly token?: string
  readonly keepDatabase?: boolean
  readonly continue?: boolean
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
  addSteeredFlags(command)
  for (const flag of ['--keep-database', '--continue'])
    command.addOption(command.createOption(flag, 'set by nslab run').hideHelp())
  command.action(async (flags: Flags) => {
    const stop = new AbortController()
    const unhook = hookSignals(stop)
    const ownFolder = flags.runFolder === undefined ? makeOwnFolder() : undefined
    try {
      const config = flags.plan === undefined ? byHand(flags) : readPlan(flags.plan).scenario.controller
      // Loaded after the configuration was read: a wrong key is answered without the database client and the addon.
      const { runController } = await import('../controller/main.ts')
      const { root, steering } = await inherit(flags)
      await runController({
        ...(root === undefined ? {} : { fabric: root }),
        ...(steering === undefined ? {} : { steering }),
        config,
        runId: flags.runId ?? randomBytes(16).toString('hex'),
        originNs: flags.originNs === undefined ? systemClock.nowNs() : BigInt(flags.originNs),
        clock: systemClock,
        databaseFolder: join(flags.runFolder ?? (ownFolder as string), 'db'),
        keepDatabase: flags.keepDatabase === true,
        resetDatabase: flags.continue !== true && isResetAsked(process.env.CONTROLLER_RESET_DB),
        timeScale: timeScaleOf(flags),
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

/** For the private database of a controller started by hand. */
function makeOwnFolder(): string {
  const path = join(tmpdir(), 'nslab-controller-')
  try {
    return mkdtempSync(path)
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code
    throw new NslabError('DISK_REFUSED', { path: `${path}…`, reason: `${errno}; see TMPDIR`, errno }, { cause: error })
  }
}

/** A controller started by hand. */
function byHand(flags: Flags): ControllerOptions['config'] {
  const text = flags.config === undefined ? '' : readText(flags.config)
  const config = parseControllerConfig(text, flags.config ?? 'the command line', { token: flags.token })
  for (const warning of config.warnings) process.stderr.write(`nslab: warning: ${warning}\n`)
  return config
}

function secondsOf(text: string): number {
  const value = Number(text)
  if (value > 0 && value <= DURATION_S_MAX) return value
  const problem = `--deadline ${text}: must be a number of seconds above 0, at most ${DURATION_S_MAX}`
  throw new NslabError('USAGE', { problem })
}
