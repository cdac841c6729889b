// nslab dataplane [CONTROLLER_ADDR]: a fleet of nodes, by hand or as a program of `nslab run`.

import { join } from 'node:path'
import type { Command } from 'commander'
import { planFleet } from '../addressing/fleet.ts'
import { systemClock } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import { Random } from '../base/random.ts'
import { parseDataplaneConfig } from '../config/dataplane.ts'
import { readText } from '../config/load.ts'
import type { DataplaneOptions } from '../dataplane/main.ts'
import { makeStateFolder, stateFolder } from '../lab/state/state-folder.ts'
import { fleetSocketName } from '../plan.ts'
import { formatEvent } from './progress/event-line.ts'
import { addSteeredFlags, hookSignals, inherit, readPlan, type SteeredFlags, timeScaleOf } from './steered-flags.ts'

interface Flags extends SteeredFlags {
  readonly config?: string
  readonly nNodes?: string
  readonly nodeIdOffset?: string
  readonly fleet?: string
  readonly life?: string
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
  addSteeredFlags(command, ['fleet', 'life'])
  command.action(async (controllerAddr: string | undefined, flags: Flags) => {
    const stop = new AbortController()
    const unhook = hookSignals(stop)
    try {
      const parts = flags.plan === undefined ? byHand(controllerAddr, flags) : ofRun(flags.plan, flags)
      // Loaded after the configuration was read: a wrong key is answered without the addon.
      const [{ native }, { runDataplane }] = await Promise.all([
        import('../native/addon.ts'),
        import('../dataplane/main.ts'),
      ])
      const inherited = await inherit(flags)
      await runDataplane({ ...parts, ...inherited, native, signal: stop.signal, clock: systemClock })
    } finally {
      unhook()
    }
  })
}

/** A node is made again some times in a life of its fleet, never so often. */
const INCARNATIONS_A_LIFE = 1_000_000

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
    meetingFolder: readyStateFolder(),
    name: 'dataplane',
    // Above that of any fleet with the same ids that the controller or a peer may still remember.
    firstIncarnation: nowS,
    originNs: systemClock.nowNs(),
    random: new Random(nowS),
    onEvent: event => process.stderr.write(`${formatEvent(event)}\n`),
  }
}

function readyStateFolder(): string {
  const folder = stateFolder()
  makeStateFolder(folder)
  return folder
}

/** A fleet of `nslab run`: everything comes from the plan. */
function ofRun(planPath: string, flags: Flags): Parts {
  const plan = readPlan(planPath)
  const index = Number(flags.fleet ?? 0)
  const fleet = plan.fleets[index]
  if (fleet === undefined) throw new NslabError('USAGE', { problem: `the plan has no fleet ${flags.fleet}` })
  const config = plan.scenario.hosts.dataplanes[index] ?? plan.scenario.dataplane
  return {
    config: { ...config, controllerConnectTimeoutMs: config.controllerConnectTimeoutMs * timeScaleOf(flags) },
    controllerAddr: fleet.controllerAddr,
    spec: fleet.fabric,
    name: plan.fleets.length === 1 ? 'dataplane' : `dataplane ${fleet.host}`,
    // Above that of any node of this fleet's earlier lives.
    firstIncarnation: Number(flags.life ?? 0) * INCARNATIONS_A_LIFE + 1,
    originNs: BigInt(flags.originNs ?? systemClock.nowNs()),
    random: new Random(plan.scenario.seed),
    peersOf: peersOf(plan.topology.edges),
    ...(flags.runId === undefined ? undefined : { runId: flags.runId }),
    ...(flags.runFolder === undefined
      ? undefined
      : { socketPath: join(flags.runFolder, fleetSocketName(plan, fleet)) }),
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
