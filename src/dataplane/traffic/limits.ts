// Fixed numbers of a fleet's traffic, each with its reason.

/** What one turn of the event loop spends on telling the engine of nodes, ms: keep-alives and joins go on between. */
export const TURN_MS = 4

/** A controller that says nothing of other fleets' routes for so long knows nothing of them, ms. */
export const START_UNASKED_MS = 10_000

/** Things that the engine refused and that become warnings; beyond, they are as bad and as many as before. */
export const WARNINGS_TOLD = 100

/** Between two lines about packets without a route: at first, doubled from line to line, and at most, ms. */
export const MISSES_APART_MS = 1000
export const MISSES_APART_MAX_MS = 60_000

/** Flows in one message of a node: at most 60 KB of the 64 KiB that a controller takes. */
export const FLOWS_A_MESSAGE = 400

/** What there is to say of flows of programs at one node that has no connection: some 200 bytes each. */
export const APP_FLOW_NEWS_KEPT = 4096

/** Counting looks at every flow: those that finish within this, ms, are told of together. */
export const FINISHES_APART_MS = 500

/** A probe that a link has not taken by then is given up, s: at the usual 1.4 MB, of one below 560 kbit/s. */
export const PROBE_LIMIT_S = 20

/** Four times what a source takes to say that it has ended (kClosings of native/engine/lanes/limits.h), ms. */
export const PROBE_CLOSES_MS = 1000

/** Links, nodes and flow ends in one answer: a quarter of a megabyte as JSON. */
export const ENTRIES_A_NOTICE = 500
