// A scenario: TOML text, files it names and overrides to one typed value.

import { dirname, resolve } from 'node:path'
import * as v from 'valibot'
import { sutMetrics } from '../base/sut-metrics.ts'
import { makeTopology } from '../topology/make.ts'
import { nodesCountOf } from '../topology/size.ts'
import { checkConnectionsShell, connectionsTable, readConnections } from './connections.ts'
import { readController } from './controller.ts'
import { readDataplane } from './dataplane.ts'
import { readFaults, readSoakFaults } from './faults.ts'
import { readGates } from './gates.ts'
import { parseControllerAddr } from './host.ts'
import { type ReadText, readHostFiles } from './host-files.ts'
import { setNodes } from './nodes.ts'
import { applyOverride, type Override } from './override.ts'
import { Problems, type TomlTable } from './problems.ts'
import { scenarioSchema, shellSchema } from './scenario-schema.ts'
import { checkSoakShell, gatesWithForbidden, hasDatabase, isSoak, readSoak, soakWarnings } from './soak.ts'
import { isTable, readTable } from './table.ts'
import { refuseTraffic, trafficWarnings, withTraffic } from './traffic.ts'
import type { ControllerConfig, DataplaneConfig, Scenario } from './types.ts'
import { secondsOf } from './values.ts'

type Section = 'controller' | 'dataplane'

/**
 * Parses a scenario. `file` is its path: files that it names are relative to it. Overrides apply in order, over
 * everything. Throws CONFIG_INVALID with every problem.
 */
export function parseScenario(
  text: string,
  file: string,
  overrides: readonly Override[],
  readText: ReadText,
): Scenario {
  const problems = new Problems(file)
  const raw = problems.parse(text, file)
  for (const section of ['controller', 'dataplane'] as const) mergeFile(raw, section, file, problems, readText)
  for (const override of overrides) applyOverride(raw, scenarioSchema, override, problems)

  const { value: shell, bad } = readTable(shellSchema, raw, [], problems)
  const sections = [sectionOf(raw, 'controller', problems), sectionOf(raw, 'dataplane', problems)] as const
  if (raw.name === undefined) problems.add({ path: ['name'], problem: 'is required' })
  if (shell.hosts.image !== undefined && shell.hosts.kernel !== undefined)
    problems.add({
      path: ['hosts', 'kernel'],
      value: shell.hosts.kernel,
      problem: 'has its own in hosts.image already',
    })
  if (raw.connections !== undefined) return parseConnectionsScenario(shell, bad, raw, file, problems)
  if (isSoak(raw, problems)) return parseSoak(shell, bad, raw, file, problems)
  const hostFiles = bad.has('host') ? [] : shell.host.map(host => host.file)
  const dataplanes = readHostFiles(hostFiles, file, sections[1], ['host'], problems, readText)
  const hostsCount = dataplanes.length || shell.hosts.count
  checkHosts(raw, shell, dataplanes, problems)
  spreadNodes(...sections, shell.nodes, hostsCount, problems)
  const ownKeys = readController(sections[0], ['controller'], problems, 'fabric')
  const controller = withTraffic(ownKeys, shell, bad, problems)
  const nodesCount = nodesCountOf(controller.topology)
  sections[1].n_nodes ??= Math.max(1, Math.ceil(nodesCount / hostsCount))
  const dataplane = readDataplane(sections[1], ['dataplane'], problems)
  const { network } = shell.hosts
  const topology = problems.count === 0 ? () => makeTopology(controller.topology) : null
  const ground = { hostsCount, network, topology }
  const faults = bad.has('fault') ? [] : readFaults(shell.fault, ground, ['fault'], problems)
  const gates = bad.has('gate') ? [] : readGates(shell.gate, { nodes: nodesCount }, ['gate'], problems)
  // Counts are only compared where both are right: what is wrong already needs no second problem.
  if (problems.count === 0 && dataplanes.length === 0) checkCounts(dataplane, nodesCount, hostsCount, problems)
  if (problems.count === 0 && dataplanes.length > 0) checkHostCounts(dataplanes, nodesCount, problems)
  checkTokens(controller, dataplane, problems)
  checkProtocol(controller, sections[1], problems)
  problems.throwIfAny()

  const own = dataplanes.map(config => ownControllerFor(config, controller))
  return {
    ...shellOf(raw, shell, file, hostsCount, own),
    controller,
    dataplane: ownControllerFor(dataplane, controller),
    faults,
    gates,
    warnings: [
      ...warningsOf(controller, dataplane, sections[1]),
      ...dataplanes.flatMap(({ warnings }, index) => warnings.map(warning => `host${index + 1}: ${warning}`)),
    ],
  }
}

/** What a scenario has whatever it is. */
function shellOf(
  raw: TomlTable,
  { hosts, name, run, seed, summary }: Shell,
  file: string,
  count: number,
  dataplanes: readonly DataplaneConfig[],
): Pick<Scenario, 'name' | 'summary' | 'seed' | 'hosts' | 'run'> {
  return {
    name: name as string,
    summary,
    seed,
    hosts: {
      count,
      on: hosts.on,
      accel: hosts.accel,
      memoryMib: hosts.memory_mib,
      vcpus: hosts.vcpus,
      ...(hosts.tcg_buffer_mib === undefined ? {} : { tcgBufferMib: hosts.tcg_buffer_mib }),
      network: hosts.network,
      mtu: hosts.mtu,
      cold: hosts.cold,
      ...(hosts.image === undefined ? {} : { image: resolve(dirname(file), hosts.image) }),
      ...(hosts.kernel === undefined ? {} : { kernel: kernelOf(hosts.kernel, file) }),
      given: isTable(raw.hosts) ? Object.keys(raw.hosts).sort() : [],
      dataplanes,
    },
    run: {
      holdS: secondsOf(run.hold),
      deadlineS: secondsOf(run.deadline),
      teardownDeadlineS: secondsOf(run.teardown_deadline),
      sampleIntervalS: sampleIntervalOf(run),
      growthLeastS: secondsOf(run.growth_least),
      ...(run.out === undefined ? {} : { out: run.out }),
      keep: run.keep,
      deterministic: run.deterministic,
    },
  }
}

/** A path is the file's own; a name is none. */
const kernelOf = (kernel: string, file: string): string =>
  kernel.includes('/') ? resolve(dirname(file), kernel) : kernel

/** Where there is no fleet, what describes one is that of none. */
function noFleet(): Pick<Scenario, 'controller' | 'dataplane'> {
  const problems = new Problems('')
  const controller = readController({}, ['controller'], problems, 'fabric')
  const dataplane = readDataplane({ n_nodes: 1 }, ['dataplane'], problems)
  return { controller, dataplane: ownControllerFor(dataplane, controller) }
}

/** A scenario with [connections]. */
function parseConnectionsScenario(
  shell: Shell,
  bad: ReadonlySet<string>,
  raw: TomlTable,
  file: string,
  problems: Problems,
): Scenario {
  checkConnectionsShell(raw, shell, problems)
  refuseTraffic(raw, 'connections', problems)
  const gates = bad.has('gate') ? [] : readGates(shell.gate, {}, ['gate'], problems)
  const connections = readConnections(shell.connections ?? v.parse(connectionsTable, {}), ['connections'], problems)
  problems.throwIfAny()
  return {
    ...shellOf(raw, shell, file, 1, []),
    ...noFleet(),
    connections,
    faults: [],
    gates,
    warnings: [],
  }
}

/** A scenario with [churn]. */
function parseSoak(shell: Shell, bad: ReadonlySet<string>, raw: TomlTable, file: string, problems: Problems): Scenario {
  checkSoakShell(raw, shell, problems)
  refuseTraffic(raw, 'churn', problems)
  const soak = readSoak(shell, problems)
  const faults = bad.has('fault') ? [] : readSoakFaults(shell.fault, hasDatabase(soak), ['fault'], problems)
  const sizes = { namespaces: soak.churn.namespaces, rate: soak.churn.ratePerS }
  const gates = bad.has('gate')
    ? []
    : readGates(shell.gate, sizes, ['gate'], problems, sutMetrics(soak.observer.metrics))
  problems.throwIfAny()
  return {
    ...shellOf(raw, shell, file, 1, []),
    ...noFleet(),
    soak,
    faults: faults.filter(({ atS }) => atS < secondsOf(shell.run.hold)),
    gates: gatesWithForbidden(gates, soak),
    warnings: soakWarnings(raw, soak, faults, secondsOf(shell.run.hold)),
  }
}

/** Reads the file that `[section] file = …` names; the section's own keys win over the file's, each as a whole. */
function mergeFile(raw: TomlTable, section: Section, file: string, problems: Problems, readText: ReadText): void {
  const table = raw[section]
  if (!isTable(table) || table.file === undefined) return
  const { file: name, ...own } = table
  if (typeof name !== 'string') {
    problems.mustBe([section, 'file'], name, 'a path')
    return
  }
  const path = resolve(dirname(file), name)
  raw[section] = { ...problems.parse(readText(path), path, [section]), ...own }
}

function sectionOf(raw: TomlTable, section: Section, problems: Problems): TomlTable {
  const table = raw[section] ?? {}
  if (isTable(table)) return { ...table }
  problems.mustBe([section], table, 'a table')
  return {}
}

/**
 * Brings `nodes` and the dataplane's n_nodes into the topology: the one overrides it, the other stands in where it is
 * missing.
 */
function spreadNodes(
  controller: TomlTable,
  dataplane: TomlTable,
  nodes: number | undefined,
  hostsCount: number,
  problems: Problems,
): void {
  if (nodes === undefined) {
    const perHost = dataplane.n_nodes
    if (controller.topology === undefined && Number.isSafeInteger(perHost) && (perHost as number) > 0)
      controller.topology = { n_nodes: (perHost as number) * hostsCount }
    return
  }
  const topology = controller.topology ?? {}
  if (!isTable(topology)) return
  controller.topology = { ...topology }
  setNodes(controller.topology as TomlTable, nodes, ['nodes'], problems)
  delete dataplane.n_nodes
}

function checkCounts(dataplane: DataplaneConfig, nodesCount: number, hostsCount: number, problems: Problems): void {
  if (nodesCount === 0) {
    problems.add({ path: ['controller', 'topology'], problem: 'has no nodes: give it a type, n_nodes or edges' })
    return
  }
  if (hostsCount > nodesCount)
    problems.add({
      path: ['hosts', 'count'],
      value: hostsCount,
      problem: `is more than the ${nodesCount} nodes of the topology`,
    })
  // Without an n_nodes of its own the dataplane was given the rounded-up share.
  const planned = dataplane.nNodes * hostsCount
  if (planned < nodesCount || planned - nodesCount >= hostsCount)
    problems.add({
      path: ['dataplane', 'n_nodes'],
      value: dataplane.nNodes,
      problem: `makes ${planned} nodes (hosts.count = ${hostsCount}); the topology has ${nodesCount}`,
    })
  if (dataplane.nodeIdOffset !== 0)
    problems.add({
      path: ['dataplane', 'node_id_offset'],
      value: dataplane.nodeIdOffset,
      limit: '0',
      problem: 'must be 0 in a scenario: its fleets get their ids from the plan',
    })
}

/** Links are what the controller says; what a dataplane says for itself has to be the same. */
function checkProtocol(controller: ControllerConfig, raw: TomlTable, problems: Problems): void {
  if (raw.protocol === undefined || raw.protocol === controller.protocol || problems.count > 0) return
  const problem = `differs from controller.protocol, which is "${controller.protocol}"`
  problems.add({ path: ['dataplane', 'protocol'], value: raw.protocol, problem })
}

/** What a file says of a controller's address stands for the run's own, whose token it needs. */
function ownControllerFor(dataplane: DataplaneConfig, controller: ControllerConfig): DataplaneConfig {
  const token = dataplane.token ?? controller.token
  return {
    ...dataplane,
    controllerAddr: `127.0.0.1:${controller.port}`,
    protocol: controller.protocol,
    ...(token === undefined ? {} : { token }),
  }
}

type Shell = v.InferOutput<typeof shellSchema>

const SAMPLE_INTERVAL_S = 0.25
/** Where idle time costs nothing, looking is what costs: an hour looked at four times a second takes minutes. */
const DETERMINISTIC_SAMPLES_MAX = 240

function sampleIntervalOf({ sample_interval, hold, deterministic }: Shell['run']): number {
  if (sample_interval !== undefined) return secondsOf(sample_interval)
  return deterministic ? Math.max(SAMPLE_INTERVAL_S, secondsOf(hold) / DETERMINISTIC_SAMPLES_MAX) : SAMPLE_INTERVAL_S
}

/** What can't go together: files of hosts and their number, one VM that counts instructions and several. */
function checkHosts(raw: TomlTable, shell: Shell, dataplanes: readonly DataplaneConfig[], problems: Problems): void {
  const { count, on } = shell.hosts
  const given = isTable(raw.hosts) && raw.hosts.count !== undefined
  if (dataplanes.length > 0 && given && count !== dataplanes.length)
    problems.add({
      path: ['hosts', 'count'],
      value: count,
      problem: `differs from the ${dataplanes.length} [[host]] tables`,
    })
  if (!shell.run.deterministic) return
  const path = ['run', 'deterministic']
  if ((dataplanes.length || count) > 1)
    problems.add({ path, value: true, problem: 'needs one host: frames between VMs come when they come' })
  if (on === 'host') problems.add({ path, value: true, problem: 'needs a VM: hosts.on = "host" has none' })
  if (shell.hosts.accel === 'kvm')
    problems.add({ path, value: true, problem: 'needs emulation: hosts.accel = "kvm" counts no instructions' })
  if (shell.run.keep)
    problems.add({ path: ['run', 'keep'], value: true, problem: 'keeps nothing of a deterministic run: its VM ends' })
}

function checkHostCounts(dataplanes: readonly DataplaneConfig[], nodesCount: number, problems: Problems): void {
  const planned = dataplanes.reduce((sum, { nNodes }) => sum + nNodes, 0)
  if (planned !== nodesCount)
    problems.add({ path: ['host'], problem: `makes ${planned} nodes; the topology has ${nodesCount}` })
}

function checkTokens(controller: ControllerConfig, dataplane: DataplaneConfig, problems: Problems): void {
  if (dataplane.token !== undefined && dataplane.token !== controller.token)
    problems.add({ path: ['dataplane', 'token'], problem: 'differs from controller.token' })
}

function warningsOf(controller: ControllerConfig, dataplane: DataplaneConfig, rawDataplane: TomlTable): string[] {
  const warnings = [
    ...[...controller.warnings, ...trafficWarnings(controller)].map(warning => `controller: ${warning}`),
    ...dataplane.warnings.map(warning => `dataplane: ${warning}`),
  ]
  const addr = parseControllerAddr(String(rawDataplane.controller_addr ?? ''))
  if (addr !== null && addr.port !== controller.port)
    warnings.push(
      `dataplane: controller_addr says port ${addr.port}; the controller's own port ${controller.port} is used`,
    )
  return warnings
}
