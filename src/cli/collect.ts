// nslab collect: which TCP sockets exist, in every network namespace of the machine, every few seconds; and what a
// running one is asked.

import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { systemClock } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import { Log } from '../base/log.ts'
import { keepHeapSteady } from '../base/steady-heap.ts'
import { parseSize } from '../config/units.ts'
import { askCollector, type ControlAnswer, type ControlRequest } from '../dataplane/collector/control.ts'
import { parseListen } from '../dataplane/collector/metrics-server.ts'
import { parseSink } from '../dataplane/collector/open-sink.ts'
import { parseChange, parseInterval, parsePorts, parseStates } from '../dataplane/collector/settings.ts'
import { addSteeredFlags, handedOver, hookSignals, inherit, type SteeredFlags } from './steered-flags.ts'

interface Flags extends SteeredFlags {
  readonly interval: string
  readonly sink: string
  readonly state: readonly string[]
  readonly port: readonly string[]
  readonly directory: readonly string[]
  readonly discoveryInterval: string
  readonly metricsListen?: string
  readonly control?: string
  readonly whenFull: 'wait' | 'drop'
  readonly buffer: string
  readonly canary: readonly string[]
}

const several = (value: string, before: readonly string[]): string[] => [...before, value]

export function addCollectCommand(program: Command): void {
  const command = program
    .command('collect')
    .summary('which TCP sockets exist, in every network namespace')
    .description(
      'Finds every network namespace of the machine and polls the TCP sockets of all of them, at once when one is found ' +
        'and then at fixed distances. Rows go to standard output or a file as JSON lines, or into PostgreSQL.',
    )
    .usage('[options]\n       nslab collect set|poll|status --control PATH')
    .option('--interval <duration>', 'from one poll to the next', '5s')
    .option('--sink <sink>', 'stdout, file:PATH, or postgres://USER@HOST:PORT/DATABASE', 'stdout')
    .option('--state <state>', 'only sockets in this state, as ss names them; may be given again', several, [])
    .option('--port <port>', 'only sockets with this port at either end; may be given again', several, [])
    .option('--directory <dir>', 'folder of named namespaces, beside the usual ones; may be given again', several, [])
    .option('--discovery-interval <duration>', 'from one look for namespaces to the next', '100ms')
    .option('--metrics-listen <address>', 'serve /metrics for Prometheus there, as in 127.0.0.1:9464')
    .option('--control <path>', 'unix socket by which the collector is asked and changed')
    .addOption(
      program
        .createOption(
          '--when-full <what>',
          'when the sink does not keep up: polling waits, or rows are dropped and counted',
        )
        .choices(['wait', 'drop'])
        .default('wait'),
    )
    .option('--buffer <size>', 'memory for what waits for the sink', '32MiB')
  command.addOption(
    command.createOption('--canary <name>', 'a fault put in on purpose').argParser(several).default([]).hideHelp(),
  )
  addSteeredFlags(command)
  command.action(collect)
  addAsking(command)
}

async function collect(flags: Flags): Promise<void> {
  // It runs for months, and what grows for an hour looks like a leak.
  ;(await import('./steady-malloc.ts')).beginWithSteadyMalloc(handedOver(flags))
  keepHeapSteady()
  const stop = new AbortController()
  const unhook = hookSignals(stop)
  const log = new Log()
  try {
    const options = {
      target: parseSink(flags.sink),
      settings: {
        interval_s: parseInterval('--interval', flags.interval),
        states: parseStates('--state', flags.state),
        ports: parsePorts('--port', flags.port),
      },
      whenFull: flags.whenFull,
      bufferBytes: bufferOf(flags.buffer),
      directories: flags.directory.map(path => watchable(path, log)),
      discoveryIntervalS: parseInterval('--discovery-interval', flags.discoveryInterval),
      ...(flags.metricsListen === undefined ? {} : { metrics: parseListen(flags.metricsListen) }),
      ...(flags.control === undefined ? {} : { control: flags.control }),
    }
    checkCapabilities(log)
    // Loaded after the command line was read: a wrong word is answered without the addon.
    const { runCollector } = await import('../dataplane/collector/main.ts')
    await inherit(flags)
    await runCollector({
      ...options,
      runId: flags.runId ?? null,
      canaries: flags.canary,
      clock: systemClock,
      signal: stop.signal,
      onWarning: message => log.warning(message),
      onReady: port => log.info(port === null ? 'collecting' : `collecting; metrics at port ${port}`),
    })
  } finally {
    unhook()
  }
}

/** Less than a poll's rows of a busy machine makes no sense, and more than a buffer's strings can't be sent. */
const BUFFER_BYTES = { min: 64 * 1024, max: 4 * 1024 ** 3 } as const

function bufferOf(text: string): number {
  const bytes = parseSize(text)
  if (bytes !== null && bytes >= BUFFER_BYTES.min && bytes <= BUFFER_BYTES.max) return bytes
  throw new NslabError('USAGE', { problem: `--buffer ${text}: must be a size from 64KiB to 4GiB` })
}

/** Throws FILE_UNREADABLE for what can't be read as a folder; one that is not there yet may come. */
function watchable(path: string, log: Log): string {
  let reason: string | undefined
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) log.warning(`--directory ${path}: it is not there; it is looked at when it comes`)
    else if (!stat.isDirectory()) reason = 'it is not a folder'
    else accessSync(path, constants.R_OK | constants.X_OK)
  } catch (error) {
    reason = (error as NodeJS.ErrnoException).code ?? String(error)
  }
  if (reason !== undefined) throw new NslabError('FILE_UNREADABLE', { path, reason })
  return resolve(path)
}

/** Numbers of capabilities: linux/capability.h. */
const CAPABILITIES = { CAP_SYS_PTRACE: 19, CAP_SYS_ADMIN: 21 } as const

/** Throws CAPABILITY_MISSING where no namespace could be entered. */
function checkCapabilities(log: Log): void {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`)
  const has = (name: keyof typeof CAPABILITIES): boolean => ((effective >> BigInt(CAPABILITIES[name])) & 1n) === 1n
  if (!has('CAP_SYS_ADMIN'))
    throw new NslabError('CAPABILITY_MISSING', {
      what: 'entering network namespaces',
      capability: 'CAP_SYS_ADMIN',
      reason: 'this process does not have it',
    })
  if (!has('CAP_SYS_PTRACE'))
    log.warning("CAP_SYS_PTRACE is missing: what processes of other users hold is not found (count 'blind')")
}

function addAsking(command: Command): void {
  const ask = async (request: ControlRequest): Promise<void> => {
    const { control } = command.opts<Partial<Flags>>()
    if (control === undefined)
      throw new NslabError('USAGE', { problem: '--control is missing', hint: 'The path that the collector was given.' })
    process.stdout.write(`${JSON.stringify(contentOf(await askCollector(control, request)), null, 2)}\n`)
  }
  command
    .command('set')
    .summary('change a running collector')
    .argument('<changes...>', 'interval=1s, states=established,time-wait, ports=80,443; "all" takes a filter away')
    .action((changes: string[]) => ask({ do: 'set', ...Object.assign({}, ...changes.map(parseChange)) }))
  command
    .command('poll')
    .summary('have a running collector poll now, and show the figures of that poll')
    .action(() => ask({ do: 'poll' }))
  command
    .command('status')
    .summary('what a running collector does and has done')
    .action(() => ask({ do: 'status' }))
}

/** Of an answer, what was asked for. */
function contentOf(answer: ControlAnswer): unknown {
  switch (answer.is) {
    case 'set':
      return answer.settings
    case 'polled':
      return answer.poll
    case 'status':
      return answer.status
    case 'refused':
      return answer
  }
}
