// nslab dataplane [CONTROLLER_ADDR]: a fleet of nodes, by hand or as a program of `nslab run`.

import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Command } from 'commander'
import { planFleet } from '../addressing/fleet.ts'
import { systemClock } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import { Random } from '../base/random.ts'
import { parseDataplaneConfig } from '../config/dataplane.ts'
import type { DataplaneOptions } from '../dataplane/main.ts'
import type { Plan } from '../lab/plan-types.ts'
import type { Addon } from '../native.ts'
import { formatEvent } from './event-line.ts'

interface Flags {
  readonly config?: string
  readonly nNodes?: string
  readonly nodeIdOffset?: string
  readonly plan?: string
  readonly fleet?: string
  readonly fabricFd?: string
  readonly channelFd?: string
  readonly runId?: string
  readonly originNs?: string
  readonly runFolder?: string
}

export function addDataplaneCommand(program: Command): void {
  const command = program
    .command('dataplane')
    .summary('a fleet of nodes')
    .description(
      'Makes a fleet: a network namespace a node, each joined to the controller and wired to its neighbours.',
    )
    .argument('[controller-addr]', 'where the controller listens, host:port (key: controller_addr)')
    .option('--config <file>', 'TOML file with the published keys of a dataplane')
    .option('--n-nodes <n>', 'how many nodes (key: n_nodes)')
    .option('--node-id-offset <k>', 'ids start at K + 1 (key: node_id_offset)')
  for (const flag of ['plan', 'fleet', 'fabric-fd', 'channel-fd', 'run-id', 'origin-ns', 'run-folder']) {
    command.addOption(command.createOption(`--${flag} <value>`, 'set by nslab run').hideHelp())
  }
  command.action(async (controllerAddr: string | undefined, flags: Flags) => {
    const stop = new AbortController()
    const unhook = hookSignals(stop)
    try {
      const made =
        flags.plan === undefined ? () => byHand(controllerAddr, flags) : () => ofRun(flags.plan as string, flags)
      const parts = made()
      // Loaded after the configuration was read: a wrong key is answered without the addon.
      const [{ native }, { runDataplane }] = await Promise.all([import('../native.ts'), import('../dataplane/main.ts')])
      const inherited = flags.fabricFd === undefined && flags.channelFd === undefined ? {} : inherit(native, flags)
      await runDataplane({ ...parts, ...inherited, native, signal: stop.signal, clock: systemClock })
    } finally {
      unhook()
    }
  })
}

type Parts = Omit<DataplaneOptions, 'native' | 'signal' | 'clock'>

/** A fleet started by hand: its own fabric root, the controller's run id, events as lines. */
function byHand(controllerAddr: string | undefined, flags: Flags): Parts {
  const text = flags.config === undefined ? '' : readText(flags.config)
  const { nNodes, nodeIdOffset } = flags
  const config = parseDataplaneConfig(text, flags.config ?? 'the command line', {
    controllerAddr,
    nNodes,
    nodeIdOffset,
  })
  for (const warning of config.warnings) process.stderr.write(`nslab: warning: ${warning}\n`)
  const nowS = Math.floor(systemClock.wallDate().getTime() / 1000)
  return {
    config,
    controllerAddr: config.controllerAddr,
    spec: planFleet({ ...config, slotByOffset: true }),
    name: 'dataplane',
    // Above that of any fleet with the same ids that the controller or a peer may still remember.
    firstIncarnation: nowS,
    originNs: systemClock.nowNs(),
    random: new Random(nowS),
    onEvent: event => process.stderr.write(`${formatEvent(event)}\n`),
  }
}

/** A fleet of `nslab run`: everything comes from the plan. */
function ofRun(planPath: string, flags: Flags): Parts {
  const plan = JSON.parse(readText(planPath)) as Plan
  const fleet = plan.fleets[Number(flags.fleet ?? 0)]
  if (fleet === undefined) throw new NslabError('USAGE', { problem: `the plan has no fleet ${flags.fleet}` })
  return {
    config: plan.scenario.dataplane,
    controllerAddr: fleet.controllerAddr,
    spec: fleet.fabric,
    name: plan.fleets.length === 1 ? 'dataplane' : `dataplane ${fleet.host}`,
    firstIncarnation: 1,
    originNs: BigInt(flags.originNs ?? systemClock.nowNs()),
    random: new Random(plan.scenario.seed),
    peersOf: peersOf(plan.topology.edges),
    ...(flags.runId === undefined ? undefined : { runId: flags.runId }),
    ...(flags.runFolder === undefined ? undefined : { runFolder: flags.runFolder }),
  }
}

/** What `nslab run` hands over: its end of the channel, the fabric root, and its own death. */
function inherit(native: Addon, flags: Flags): Pick<DataplaneOptions, 'root' | 'steering'> {
  const parentPid = process.env.NSLAB_PARENT_PID
  if (parentPid !== undefined) native.setParentDeathSignal(9, Number(parentPid))
  const fabricFd = flags.fabricFd === undefined ? undefined : Number(flags.fabricFd)
  const channelFd = flags.channelFd === undefined ? undefined : Number(flags.channelFd)
  native.closeOnExec([])
  return {
    ...(fabricFd === undefined ? undefined : { root: native.Netns.fromFd(fabricFd) }),
    ...(channelFd === undefined
      ? undefined
      : { steering: new Socket({ fd: channelFd, readable: true, writable: true }) }),
  }
}

/** Neighbours of each id, rising, as the controller lists them. */
function peersOf(edges: readonly (readonly [number, number])[]): (nodeId: number) => readonly number[] {
  const none: readonly number[] = []
  const peers = new Map<number, number[]>()
  const add = (id: number, peer: number): void => {
    const known = peers.get(id)
    if (known === undefined) peers.set(id, [peer])
    else known.push(peer)
  }
  for (const [a, b] of edges) {
    add(a, b)
    add(b, a)
  }
  for (const known of peers.values()) known.sort((a, b) => a - b)
  return id => peers.get(id) ?? none
}

/** The first signal ends the fleet in order, the second ends the process: the kernel then removes what is left. */
function hookSignals(stop: AbortController): () => void {
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(130)
    stop.abort()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return () => process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new NslabError('FILE_UNREADABLE', { path, reason: (error as Error).message }, { cause: error })
  }
}
