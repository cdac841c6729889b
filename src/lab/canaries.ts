// The canaries of `nslab selfcheck`, one for each gate of the scenario selfcheck that a fault can turn.

import type { Canary } from '../judge/canaries.ts'

const collector = (canary: string): readonly string[] => [`collector.canary=["${canary}"]`]

/** A process of the observer that ends shows in all that is counted by process, and in what grows: the next is new. */
const RESTARTS = [
  'observer_starts_count',
  'observer_exits_count',
  'observer_rss_slope_lower_bytes_per_h',
  'observer_descriptors_slope_lower_count_per_h',
]
/** And while it was away, and since nothing of before is known to the new one: */
const ABSENCE = [
  'poll_silence_max_s',
  'discovery_p99_s',
  'netns_recall_ratio',
  'socket_recall_ratio',
  'rows_lost_count',
  'netns_precision_ratio',
  'socket_precision_ratio',
  'forgetting_p99_s',
]

export const canaries: readonly Canary[] = [
  {
    name: 'leak-descriptor',
    fault: 'the collector opens 40 files a second and closes none',
    set: collector('leak-descriptor=40'),
    gate: 'observer_descriptors_slope_lower_count_per_h',
    verdict: 'fail',
    mayTurn: ['observer_descriptors_max_count'],
  },
  {
    name: 'leak-thread',
    fault: 'the collector starts a thread every half second that stays',
    set: collector('leak-thread=0.5'),
    gate: 'observer_threads_max_count',
    verdict: 'fail',
    mayTurn: [
      'observer_threads_slope_lower_count_per_h',
      'observer_rss_slope_lower_bytes_per_h',
      'observer_descriptors_slope_lower_count_per_h',
      'observer_descriptors_max_count',
    ],
  },
  {
    name: 'leak-memory',
    fault: 'the collector keeps 80 MB more each second',
    set: collector('leak-memory=288e9'),
    gate: 'observer_rss_slope_lower_bytes_per_h',
    verdict: 'fail',
    mayTurn: [],
  },
  {
    name: 'leak-namespace',
    fault: 'the collector holds namespaces that it has found',
    set: collector('leak-namespace=5'),
    gate: 'kernel_namespaces_left_count',
    verdict: 'fail',
    mayTurn: [
      'observer_descriptors_slope_lower_count_per_h',
      'observer_descriptors_max_count',
      'residue_count',
      'forgetting_p99_s',
      'netns_precision_ratio',
      'socket_precision_ratio',
    ],
  },
  {
    name: 'lose-rows',
    fault: 'one row of fifty never reaches the sink',
    set: collector('lose-rows=50'),
    gate: 'rows_lost_count',
    verdict: 'fail',
    mayTurn: ['socket_recall_ratio'],
  },
  {
    name: 'double-rows',
    fault: 'one row of fifty reaches the sink twice',
    set: collector('double-rows=50'),
    gate: 'rows_doubled_count',
    verdict: 'fail',
    mayTurn: [],
  },
  {
    name: 'misattribute-rows',
    fault: 'one row of fifty is booked to another namespace',
    set: collector('misattribute-rows=50'),
    gate: 'sockets_misattributed_count',
    verdict: 'fail',
    mayTurn: ['socket_precision_ratio', 'socket_recall_ratio'],
  },
  {
    name: 'miss-namespace',
    fault: 'one namespace of ten is not found',
    set: collector('miss-namespace=10'),
    gate: 'netns_recall_ratio',
    verdict: 'fail',
    mayTurn: ['socket_recall_ratio'],
  },
  {
    name: 'late-discovery',
    fault: 'namespaces are found two seconds late',
    set: collector('late-discovery=2'),
    gate: 'discovery_p99_s',
    verdict: 'fail',
    mayTurn: ['netns_recall_ratio', 'socket_recall_ratio', 'netns_precision_ratio'],
  },
  {
    name: 'silent-restart',
    fault: 'the collector ends with status 0 and is started again',
    set: [...collector('exit-silently=6'), 'sut.restart=true'],
    gate: 'observer_starts_count',
    verdict: 'fail',
    mayTurn: [...RESTARTS, ...ABSENCE],
  },
  {
    name: 'stalled-poll',
    fault: 'no poll ends any more, and the collector lives on',
    set: collector('stall-poll=6'),
    gate: 'poll_silence_max_s',
    verdict: 'fail',
    mayTurn: ['socket_recall_ratio', 'rows_lost_count'],
  },
  {
    name: 'idle-churn',
    fault: 'the churn program stands still for six seconds',
    set: ['fault[0].at=2s', 'fault[0].do=pause_churn', 'fault[0].for=6s'],
    gate: 'churn_late_p99_s',
    verdict: 'fail',
    mayTurn: ['netns_judged_count', 'sockets_judged_count'],
  },
]
