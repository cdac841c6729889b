// The canaries of `nslab selfcheck`: for each gate of the scenario selfcheck, which has those of churn, a fault that
// turns it.

import type { Canary } from '../../judge/canaries.ts'

const collector = (canary: string): string => `collector.canary=["${canary}"]`

/** What shows without much time. Growth does not: it takes as long as the scenario churns. */
const BRIEF = 'run.hold=6s'

/** Keys of runs whose guests are emulated: growth takes some 60 samples, of which those give one or two a second. */
export const EMULATED: readonly string[] = ['run.hold=150s']

const growth = (of: string, unit: string): readonly string[] =>
  ['lower', 'upper'].map(end => `observer_${of}_slope_${end}_${unit}_per_h`)
const RSS = growth('rss', 'bytes')
const MEMORY = [...RSS, 'observer_rss_max_bytes']
const THREADS = growth('threads', 'count')
const DESCRIPTORS = growth('descriptors', 'count')

/** A process of the observer that ends shows in all that is counted by process, and in what grows: the next is new. */
const LIFE = ['observer_starts_count', 'observer_exits_count', 'log_matches_count', ...RSS, ...THREADS, ...DESCRIPTORS]
/** And while it was away, and since nothing of before is known to the new one: */
const ABSENCE = [
  'poll_silence_max_s',
  'discovery_p99_s',
  'discovery_max_s',
  'letting_go_max_s',
  'netns_recall_ratio',
  'netns_judged_count',
  'sockets_judged_count',
  'socket_recall_ratio',
  'socket_sightings_ratio',
  'rows_lost_count',
  'netns_precision_ratio',
  'socket_precision_ratio',
  'forgetting_p99_s',
  'netns_forgotten_never_count',
]

type Fault = Omit<Canary, 'verdict' | 'mayTurn'> & { readonly mayTurn?: readonly string[] }

const faults: readonly Fault[] = [
  {
    name: 'leak-descriptor',
    fault: 'the collector opens 80 files a second and closes none',
    set: [collector('leak-descriptor=80')],
    gates: [...DESCRIPTORS, 'observer_descriptors_max_count'],
  },
  {
    name: 'leak-thread',
    fault: 'the collector starts a thread every 0.4 s (emulated: 1.2 s) that stays',
    set: [collector('leak-thread=0.4')],
    // To start one takes an emulated processor a third of a second.
    emulated: [collector('leak-thread=1.2')],
    gates: ['observer_threads_max_count', ...THREADS],
    mayTurn: [...MEMORY, ...DESCRIPTORS, 'observer_descriptors_max_count'],
  },
  {
    name: 'leak-memory',
    fault: 'the collector keeps 20 MB (emulated: 11) more each second',
    set: [collector('leak-memory=72e9')],
    // Else the guest has no memory left before its time is over.
    emulated: [collector('leak-memory=40e9')],
    gates: MEMORY,
    // To fill so much takes a busy machine the time that it has for the rest.
    mayTurn: [
      'discovery_p99_s',
      'discovery_max_s',
      'letting_go_max_s',
      'removal_kernel_p99_s',
      'poll_p99_s',
      'poll_silence_max_s',
      'netns_recall_ratio',
      'socket_recall_ratio',
    ],
  },
  {
    name: 'leak-namespace',
    fault: 'the collector holds namespaces that it has found, until its end',
    // Nobody waits long for what does not come.
    set: [collector('leak-namespace=5'), 'run.hold=8s', 'run.deadline=20s'],
    gates: ['kernel_namespaces_left_count', 'residue_count'],
    mayTurn: [
      'forgetting_p99_s',
      'letting_go_max_s',
      'removal_kernel_p99_s',
      'netns_precision_ratio',
      'socket_precision_ratio',
    ],
  },
  {
    name: 'late-release',
    fault: 'the collector calls namespaces gone in time, and holds them for six seconds more',
    set: [collector('late-release=6'), 'run.hold=8s'],
    gates: ['removal_kernel_p99_s'],
    mayTurn: ['letting_go_max_s', 'netns_precision_ratio', 'socket_precision_ratio'],
  },
  {
    name: 'lose-rows',
    fault: 'one row of fifty never reaches the sink',
    set: [collector('lose-rows=50'), BRIEF],
    gates: ['rows_lost_count'],
    mayTurn: ['socket_recall_ratio', 'socket_sightings_ratio'],
  },
  {
    name: 'lose-polls',
    fault: 'of one poll of five nothing reaches the sink, as if it had never been',
    set: [collector('lose-polls=5'), BRIEF],
    gates: ['rows_lost_count'],
    mayTurn: ['socket_recall_ratio', 'socket_sightings_ratio'],
  },
  {
    name: 'double-rows',
    fault: 'one row of fifty reaches the sink twice',
    set: [collector('double-rows=50'), BRIEF],
    gates: ['rows_doubled_count'],
  },
  {
    name: 'drop-rows',
    fault: 'the sink has no room for one row of fifty, which is dropped and counted',
    set: [collector('drop-rows=50'), BRIEF],
    gates: ['rows_dropped_count'],
    mayTurn: ['socket_recall_ratio', 'socket_sightings_ratio'],
  },
  {
    name: 'misattribute-rows',
    fault: 'one row of fifty is booked to another namespace',
    set: [collector('misattribute-rows=50'), BRIEF],
    gates: ['sockets_misattributed_count'],
    mayTurn: ['socket_precision_ratio', 'socket_recall_ratio', 'socket_sightings_ratio'],
  },
  {
    name: 'miss-sockets',
    fault: 'one socket of ten is seen in no poll',
    set: [collector('miss-sockets=10'), BRIEF],
    gates: ['socket_recall_ratio'],
    mayTurn: ['socket_sightings_ratio'],
  },
  {
    name: 'skip-sockets',
    fault: 'each poll leaves out one socket of three, and the next one tells it',
    set: [collector('skip-sockets=3'), BRIEF],
    gates: ['socket_sightings_ratio'],
    // What lived for one poll alone was seen by none.
    mayTurn: ['socket_recall_ratio'],
  },
  {
    name: 'ghost-sockets',
    fault: 'one row of fifty comes with another, of a socket that never was',
    set: [collector('ghost-sockets=50'), BRIEF],
    gates: ['socket_precision_ratio'],
  },
  {
    name: 'cut-dumps',
    fault: 'one dump of twenty ends in its middle, at every attempt',
    set: [collector('cut-dumps=20'), BRIEF],
    gates: ['dumps_incomplete_count'],
    mayTurn: ['socket_recall_ratio', 'socket_sightings_ratio'],
  },
  {
    name: 'miss-namespace',
    fault: 'one namespace of ten is not found',
    set: [collector('miss-namespace=10'), BRIEF],
    gates: ['netns_recall_ratio'],
    mayTurn: ['socket_recall_ratio', 'socket_sightings_ratio'],
  },
  {
    name: 'ghost-namespace',
    fault: 'the collector finds a namespace each second that never was',
    set: [collector('ghost-namespace=1'), BRIEF],
    gates: ['netns_precision_ratio'],
  },
  {
    name: 'blind-to-sockets',
    fault:
      'the collector may not look into two processes, two namespaces and two sockets, and finds no namespace that a ' +
      'socket alone holds',
    set: [collector('blind-to-sockets=2'), BRIEF],
    gates: [
      'netns_blind_count',
      'unreadable_processes_max_count',
      'unopened_namespaces_max_count',
      'unresolved_sockets_max_count',
    ],
    // Of what others hold, too, a socket may be seen first.
    mayTurn: ['netns_recall_ratio', 'socket_recall_ratio'],
  },
  {
    name: 'late-discovery',
    fault: 'namespaces are found three seconds late',
    set: [collector('late-discovery=3'), BRIEF],
    gates: ['discovery_p99_s', 'discovery_max_s'],
    mayTurn: ['netns_recall_ratio', 'socket_recall_ratio', 'netns_precision_ratio'],
  },
  {
    name: 'early-forgetting',
    fault: 'the collector calls one namespace of ten gone as soon as it has found it',
    set: [collector('early-forgetting=10'), BRIEF],
    gates: ['netns_forgotten_early_count'],
  },
  {
    name: 'never-forgetting',
    fault: 'the collector never says of one namespace of ten that it is gone',
    set: [collector('never-forgetting=10'), BRIEF],
    gates: ['netns_forgotten_never_count'],
    mayTurn: ['forgetting_p99_s', 'letting_go_max_s'],
  },
  {
    name: 'late-forgetting',
    fault: 'the collector learns four seconds late that a namespace is gone',
    set: [collector('late-forgetting=4'), 'run.hold=8s'],
    gates: ['forgetting_p99_s', 'letting_go_max_s'],
  },
  {
    name: 'take-names',
    fault: 'somebody else has taken all names that churn gives to namespaces of kind named',
    set: [collector('take-names=1000'), BRIEF],
    gates: ['churn_failed_count', 'namespaces_live_max_count'],
    mayTurn: ['churn_ops_per_s'],
  },
  {
    name: 'silent-restart',
    fault: 'the collector ends with status 0 and is started again',
    set: [collector('exit-silently=7'), 'sut.restart=true', 'run.hold=10s'],
    gates: ['observer_starts_count'],
    mayTurn: [...LIFE, ...ABSENCE],
  },
  {
    name: 'panic',
    fault: 'the collector says so and is no more',
    set: [collector('panic=7'), 'run.hold=10s'],
    gates: ['observer_exits_count', 'log_matches_count'],
    mayTurn: [...LIFE, ...ABSENCE],
  },
  {
    name: 'oom-kill',
    fault: 'the collector keeps 30 MB more each second, until the kernel kills it at the limit of its control group',
    set: [collector('leak-memory=108e9'), 'sut.memory_max=300 MB', 'run.hold=14s'],
    gates: ['oom_kills_count', 'observer_exits_count'],
    mayTurn: [...LIFE, ...ABSENCE, 'observer_rss_max_bytes'],
    needs: 'a memory control group',
  },
  {
    name: 'slow-poll',
    fault: 'each poll takes three seconds longer',
    set: [collector('slow-poll=3'), BRIEF],
    gates: ['poll_p99_s'],
    mayTurn: ['poll_silence_max_s', 'socket_recall_ratio', 'letting_go_max_s'],
  },
  {
    name: 'stalled-poll',
    fault: 'no poll ends any more, and the collector lives on',
    set: [collector('stall-poll=7'), 'run.hold=13s'],
    gates: ['poll_silence_max_s'],
    mayTurn: ['socket_recall_ratio', 'rows_lost_count', 'sockets_judged_count', 'letting_go_max_s'],
  },
  {
    name: 'late-churn',
    fault: 'the churn program stands still for five seconds, and then does what was due',
    set: ['fault[0].at=1s', 'fault[0].do=pause_churn', 'fault[0].for=5s', 'run.hold=8s'],
    gates: ['churn_late_p99_s'],
    // Who stands still does not hear that a namespace is gone.
    mayTurn: ['removal_kernel_p99_s'],
  },
  {
    name: 'idle-churn',
    fault: 'the churn program stands still until its time is over',
    set: ['fault[0].at=1s', 'fault[0].do=pause_churn', 'fault[0].for=10s', 'run.hold=10s'],
    gates: ['churn_ops_per_s', 'netns_judged_count', 'sockets_judged_count'],
    mayTurn: ['churn_late_p99_s', 'removal_kernel_p99_s'],
  },
]

export const canaries: readonly Canary[] = faults.map(fault => ({ verdict: 'fail', mayTurn: [], ...fault }))
