// The metrics of a load of connections. Names end in their unit and are a contract: the list only grows.

import { type Metric, metric } from './metric.ts'

export const connectionMetrics: readonly Metric[] = [
  metric('connections_asked_count', 'count', 'connections that were to be opened; of "max" what was found to fit'),
  metric('connections_count', 'count', 'connections established at the end of the hold: the least that anybody counts'),
  metric('connections_missing_count', 'count', 'connections asked for that were not there at the end of the hold'),
  metric('connections_unproven_count', 'count', 'connections asked for through which no byte came back'),
  metric('connections_disagreeing_count', 'count', 'by how much the counts of openers and kernel differ, the most'),
  metric('connections_per_s', 'per_s', 'connections opened a second'),
  metric('connections_proven_count', 'count', 'connections through which a byte went there and back after the hold'),
  metric('connections_lost_count', 'count', 'connections that ended though nobody had closed them'),
  metric('connection_bytes', 'bytes', 'memory of the whole system that a connection takes, both its ends'),
  metric('kernel_connection_bytes', 'bytes', "of it the kernel's own objects"),
  metric('time_wait_count', 'count', 'ends in TIME_WAIT once all were closed'),
  metric('time_wait_missing_ratio', 'ratio', 'of connections closed, those without an end in TIME_WAIT'),
  metric('connection_processes_count', 'count', 'processes that held the connections'),
]
