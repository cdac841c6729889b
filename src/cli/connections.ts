// nslab connections: how many established TCP connections this machine carries over namespaces, and at what cost. Exit
// 0: as many as asked for, all proven; 1: fewer.

import { type Command, InvalidArgumentError, Option } from 'commander'
import { systemClock } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import { ExitCode } from '../base/exit-codes.ts'
import { parseConnections } from '../config/connections.ts'
import { parseDuration } from '../config/units.ts'
import type { ConnectionFigures, ConnectionsResult } from '../lab/connections/load.ts'
import { addSteeredFlags, hookSignals, inherit, readPlan, type SteeredFlags } from './steered-flags.ts'

interface Options extends SteeredFlags {
  readonly count: number | 'max'
  readonly namespaces: number
  readonly layout: string
  readonly rate?: number
  readonly hold: number
  readonly json?: boolean
}

const HOLD = '2s'

export function addConnectionsCommand(program: Command): void {
  const command = program
    .command('connections')
    .summary('how many established connections this machine carries')
    .description(
      'Opens TCP connections over namespaces of its own, holds them, sends a byte through each, closes them, and says what they cost. Nothing of the machine is changed, and nothing remains.',
    )
    .option('--count <n>', 'connections to open, or max: as many as fit', parseCount, 'max' as const)
    .option('--namespaces <k>', 'namespaces to open them over', parseNumber, 100)
    .option('--layout <layout>', 'loopback: both ends in one namespace; pairs: in two, over a veth pair', 'loopback')
    .option('--rate <n>', 'connections a second at most', parseNumber)
    .addOption(
      new Option('--hold <duration>', 'how long to hold them').argParser(parseHold).default(parseHold(HOLD), HOLD),
    )
    .option('--json', 'as JSON')
  addSteeredFlags(command)
  command.action(async (options: Options) => {
    if (options.plan !== undefined) return ofRun(options.plan, options)
    const result = await measured(options)
    process.stdout.write(options.json ? `${JSON.stringify(result, null, 2)}\n` : describe(result))
    process.exitCode = isWhole(result.figures) ? ExitCode.pass : ExitCode.gateFailed
  })
}

/** As a program of `nslab run`, which steers it. */
async function ofRun(plan: string, flags: SteeredFlags): Promise<void> {
  const stop = new AbortController()
  const unhook = hookSignals(stop)
  try {
    const [{ runLoadProgram }, { steering }] = await Promise.all([
      import('../lab/connections/program.ts'),
      inherit(flags),
    ])
    if (steering === undefined) throw new NslabError('USAGE', { problem: '--plan is set by nslab run, with a channel' })
    const originNs = BigInt(flags.originNs ?? 0)
    await runLoadProgram({ plan: readPlan(plan), clock: systemClock, originNs, steering, signal: stop.signal })
  } finally {
    unhook()
  }
}

const isWhole = (figures: ConnectionFigures): boolean =>
  [figures.connections_count, figures.connections_proven_count].every(n => n === figures.connections_asked_count)

async function measured({ count, namespaces, layout, rate, hold }: Options): Promise<ConnectionsResult> {
  const config = parseConnections({ count, namespaces, layout, ...(rate === undefined ? {} : { rate_per_s: rate }) })
  const [{ loadConnections }, { readConnectionLimits }] = await Promise.all([
    import('../lab/connections/load.ts'),
    import('../lab/connections/limits.ts'),
  ])
  const stop = new AbortController()
  const unhook = hookSignals(stop)
  try {
    return await loadConnections({
      config,
      limits: await readConnectionLimits(),
      holdS: hold,
      signal: stop.signal,
      onStage: stage => process.stderr.write(`nslab: ${stage}\n`),
      onPulse: ({ connected, closed }) => process.stderr.write(`nslab: ${connected - closed} connections\n`),
    })
  } finally {
    unhook()
  }
}

function parseNumber(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('must be a number above 0.')
  return value
}

function parseCount(text: string): number | 'max' {
  if (text === 'max') return text
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('must be a whole number from 1, or max.')
  return value
}

function parseHold(text: string): number {
  const seconds = parseDuration(text)
  if (seconds === null) throw new InvalidArgumentError('must be a duration such as 2s.')
  return seconds
}

function describe({ figures, notes, layout }: ConnectionsResult): string {
  const n = (value: number | null, unit = ''): string =>
    value === null ? 'unknown' : `${Math.round(value).toLocaleString('en-US')}${unit}`
  const rows: readonly (readonly [string, string])[] = [
    ['established', `${n(figures.connections_count)} of ${n(figures.connections_asked_count)}`],
    ['namespaces', `${n(layout.namespaces)} (${layout.layout})`],
    ['a byte there and back', n(figures.connections_proven_count)],
    ['lost while held', n(figures.connections_lost_count)],
    ['own count and kernel differ by', n(figures.connections_disagreeing_count)],
    ['opened a second', n(figures.connections_per_s)],
    ['memory each, whole system', n(figures.connection_bytes, ' bytes')],
    ["of it the kernel's objects", n(figures.kernel_connection_bytes, ' bytes')],
    ['in TIME_WAIT once closed', n(figures.time_wait_count)],
    ['processes', n(figures.connection_processes_count)],
  ]
  const lines = rows.map(([name, value]) => `  ${name.padEnd(32)}${value.padStart(20)}`)
  return `${lines.join('\n')}\n\n${notes.map(note => `note: ${note}\n`).join('')}`
}
