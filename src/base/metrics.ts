// The metrics a run can report and a gate can ask for. Names end in their unit and are a contract: the list only grows.

import { connectionMetrics } from './connection-metrics.ts'
import { losslessMetrics } from './lossless-metrics.ts'
import { type Metric, metric } from './metric.ts'
import { soakMetrics } from './soak-metrics.ts'
import { trafficMetrics } from './traffic-metrics.ts'

export type { Metric, MetricUnit } from './metric.ts'

export const metrics: readonly Metric[] = [
  metric('nodes_count', 'count', 'nodes that the controller saw wired'),
  metric('all_connected_s', 's', "first node's arrival to all nodes connected"),
  metric('all_wired_s', 's', "first node's arrival to the last node's report that its links are up"),
  metric('fabric_to_wired_s', 's', 'first kernel call of the fabric to all wired'),
  metric(
    'nextmini_wiring_s',
    's',
    'first arrival to all nodes connected and flows sent: the published definition without its fixed sleeps',
  ),
  metric('fabric_s', 's', 'kernel objects only'),
  metric('total_s', 's', 'command start to all wired'),
  metric(
    'memory_before_bytes',
    'bytes',
    'memory in use on the whole system before any process of the run but nslab run',
  ),
  metric('memory_after_bytes', 'bytes', 'memory in use on the whole system when all is wired, before flows'),
  metric('memory_per_node_bytes', 'bytes', 'difference of the two by nodes, without a database server'),
  metric('dataplane_rss_bytes', 'bytes', 'resident memory of the dataplane when all is wired'),
  metric('controller_rss_bytes', 'bytes', 'resident memory of the controller when all is wired'),
  metric('database_rss_bytes', 'bytes', "resident memory of the run's own database server when all is wired"),
  metric('threads_count', 'count', 'operating-system threads of the dataplane'),
  metric('controller_threads_count', 'count', 'operating-system threads of the controller'),
  metric('teardown_s', 's', "stop to the kernel's word that everything is gone"),
  metric('residue_count', 'count', 'things of the run that were still there after the teardown'),
  metric('netns_gone_s', 's', "teardown to the kernel's word that the namespaces themselves are gone"),
  metric('connected_count', 'count', 'nodes that the controller saw connected'),
  metric('links_count', 'count', 'links that were up, both ends agreeing on ids and addresses'),
  metric('links_disagreeing_count', 'count', 'links whose ends, addresses or hosts are not those of one planned link'),
  metric('links_missing_count', 'count', 'planned links that neither end has'),
  metric('links_crossing_count', 'count', 'links between nodes on different hosts, as the hosts told of them'),
  metric('links_crossing_planned_count', 'count', 'planned links between nodes on different hosts'),
  metric('links_crossing_missing_count', 'count', 'of those, the ones that do not cross as planned'),
  metric('ring_hops_count', 'count', "a token's hops through the ring in order; nodes where it came home through all"),
  metric('ring_walk_s', 's', "the token's way through the ring and home"),
  metric('addresses_overlapping_count', 'count', 'addresses that more than one node had'),
  metric('refusals_count', 'count', 'connections that the controller refused'),
  metric('link_refusals_count', 'count', 'links refused for a wrong run id or node id'),
  metric('lost_count', 'count', 'nodes that died while the run was up'),
  metric('restarts_count', 'count', 'nodes that were started again'),
  metric('database_losses_count', 'count', 'times the database went away'),
  metric('proofs_count', 'count', 'times that the wiring was proven: when all was wired, and after each fault'),
  metric('faults_count', 'count', 'faults done to hosts and undone again'),
  metric(
    'faults_felt_count',
    'count',
    'of those, during which no token got round the ring, or frames were lost and late as asked',
  ),
  metric('rows_kept_count', 'count', "nodes in the database when the run's controller came back to it"),
  metric('recovery_s', 's', 'the longest time from a fault undone to the wiring proven again'),
  metric('vms_count', 'count', 'microVMs of the run'),
  metric('vms_restored_count', 'count', 'of those, restored from a saved state in place of booting'),
  metric('vm_ready_s', 's', "the longest time from a microVM's power-on to its agent's answer"),
  metric('vm_overhead_bytes', 'bytes', 'proportional memory of one QEMU beyond what its guest uses, the most of all'),
  metric('vm_emulator_bytes', 'bytes', "proportional memory of one QEMU outside its guest's memory, the most of all"),
  metric('clock_error_s', 's', 'by how much the times of events of microVMs may be off'),
  metric('warnings_count', 'count', 'warnings'),
  metric('errors_count', 'count', 'errors'),
  ...trafficMetrics,
  ...losslessMetrics,
  ...soakMetrics,
  ...connectionMetrics,
]

export const metricByName: ReadonlyMap<string, Metric> = new Map(metrics.map(each => [each.name, each]))
