// The metrics of a soak. Names end in their unit and are a contract: the list only grows.

import { type Metric, metric } from './metric.ts'

const kinds = ['named', 'mounted', 'process', 'thread', 'descriptor', 'socket'] as const

const percentiles = (stem: string, meaning: string): readonly Metric[] => [
  metric(`${stem}_p50_s`, 's', `${meaning}, the median`),
  metric(`${stem}_p99_s`, 's', `${meaning}, the 99th percentile`),
  metric(`${stem}_max_s`, 's', `${meaning}, the most`),
]

const slopes = (stem: string, unit: 'bytes_per_h' | 'count_per_h', what: string): readonly Metric[] => [
  metric(`${stem}_${unit}`, unit, `how fast ${what} grow, once the soak is warm`),
  metric(`${stem}_lower_${unit}`, unit, `lower end of the 95 % interval of how fast ${what} grow`),
  metric(`${stem}_upper_${unit}`, unit, `upper end of the 95 % interval of how fast ${what} grow`),
]

/**
 * The kernel's own count of namespaces is from a table of its caches, above the truth by what each processor keeps at
 * hand: so many are none.
 */
export const CACHED_NAMESPACES = 64

/** What samples call the process that runs a VM: this, a colon, and the VM's name. */
export const EMULATOR = 'emulator'

export const soakMetrics: readonly Metric[] = [
  metric('churn_ops_count', 'count', 'makes and drops that began while it churned, the first fill aside'),
  metric('churn_ops_per_s', 'per_s', 'makes and drops a second while it churned'),
  metric('churn_ops_requested_per_s', 'per_s', 'makes and drops a second that the schedule asks for'),
  metric('churn_failed_count', 'count', 'operations that the kernel refused'),
  metric('churn_late_p99_s', 's', 'how late operations began, the 99th percentile'),
  metric('churn_late_max_s', 's', 'how late operations began, the most'),
  metric('namespaces_made_count', 'count', 'namespaces that were made, the first fill too'),
  metric('namespaces_live_max_count', 'count', 'namespaces alive at a time, the most'),
  metric('removal_kernel_p99_s', 's', "a drop to the kernel's word that the namespace is gone, the 99th percentile"),
  metric('netns_judged_count', 'count', 'namespaces that lived long enough to be judged, blind spots aside'),
  metric('netns_recall_ratio', 'ratio', 'of those, found'),
  ...kinds.map(kind => metric(`netns_recall_${kind}_ratio`, 'ratio', `of those of kind ${kind}, found`)),
  metric('netns_precision_ratio', 'ratio', 'of namespaces found, those that truly were'),
  metric('netns_forgotten_early_count', 'count', 'namespaces that the observer called gone while they lived'),
  metric(
    'netns_forgotten_never_count',
    'count',
    'namespaces that were found, went while it churned, and that the observer never called gone',
  ),
  metric('netns_blind_count', 'count', 'namespaces of kinds that the observer says it can not find'),
  metric('sockets_judged_count', 'count', 'sockets that were there throughout a whole poll'),
  metric('socket_recall_ratio', 'ratio', 'of those, seen'),
  metric(
    'socket_sightings_ratio',
    'ratio',
    'of the times that a whole poll went past a socket, those at which it was told',
  ),
  metric('socket_precision_ratio', 'ratio', "of sockets seen under churn's namespaces, those that truly were there"),
  metric('sockets_misattributed_count', 'count', 'sockets seen under a namespace that is not theirs'),
  ...percentiles('discovery', 'a namespace exists to its being found'),
  ...percentiles('forgetting', 'a namespace is gone to its being forgotten'),
  ...percentiles('letting_go', 'churn has let go of a namespace to its being forgotten'),
  metric('rows_sent_count', 'count', 'rows that the observer says it had, those it dropped too'),
  metric('rows_stored_count', 'count', 'rows that reached its sink'),
  metric('rows_lost_count', 'count', 'rows that were sent, not dropped, and never reached the sink'),
  metric('rows_doubled_count', 'count', 'rows that reached the sink more than once'),
  metric('rows_dropped_count', 'count', 'rows that the observer dropped because its sink was slow'),
  metric('polls_count', 'count', 'polls of all namespaces'),
  ...percentiles('poll', 'a poll of all namespaces'),
  metric('poll_silence_max_s', 's', 'the longest time in which no poll of all namespaces ended'),
  metric('dumps_incomplete_count', 'count', 'dumps that the kernel cut short, given up at last'),
  metric('observer_starts_count', 'count', 'processes of the observer, one in the place of another'),
  metric('observer_exits_count', 'count', 'of those, ended without being told to'),
  metric('oom_kills_count', 'count', 'processes that the kernel killed for want of memory'),
  metric('log_matches_count', 'count', "lines of the observer's log that a pattern forbids"),
  metric('lines_malformed_count', 'count', "lines of the observer's output that are none of its format"),
  metric('observer_threads_max_count', 'count', 'threads of the observer, the most'),
  metric('observer_descriptors_max_count', 'count', 'open files of the observer, the most'),
  metric('observer_rss_max_bytes', 'bytes', 'resident memory of the observer, the most'),
  ...slopes('observer_rss_slope', 'bytes_per_h', "the observer's resident bytes, pages of files aside,"),
  ...slopes('observer_threads_slope', 'count_per_h', "the observer's threads"),
  ...slopes('observer_descriptors_slope', 'count_per_h', "the observer's open files"),
  ...slopes('kernel_namespaces_slope', 'count_per_h', "the kernel's network namespaces"),
  metric('memory_limit_in_h', 'h', 'until the observer takes all free memory, at the upper end of its slope'),
  metric('kernel_namespaces_left_count', 'count', "namespaces of churn's that the kernel still had at the end"),
  metric('unreadable_processes_max_count', 'count', 'processes whose namespaces the observer may not read, the most'),
  metric('unopened_namespaces_max_count', 'count', 'namespaces that the observer saw and could not enter, the most'),
  metric('unresolved_sockets_max_count', 'count', 'sockets whose namespace the observer could not ask for, the most'),
  metric(
    'large_process_apart_max_s',
    's',
    "between two of the observer's looks into a process with very many descriptors, the most",
  ),
  metric(
    'vm_waited_ratio',
    'ratio',
    "of the time that its VM's emulator ran or was ready to run, that in which it had no processor",
  ),
  metric('steal_ratio', 'ratio', 'processor time that the machine was kept from, while it churned'),
  metric('pressure_cpu_max_ratio', 'ratio', 'share of time in which a task waited for a processor, the most of 10 s'),
]
