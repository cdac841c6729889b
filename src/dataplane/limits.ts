// The fleet's fixed numbers, each with its reason.

/** Nodes between "dial the controller" and its StartUp: more only queue up on the controller's one thread. */
export const JOINS_IN_FLIGHT = 64

/** Pause before the second try of a join, ms; it doubles with each further try. */
export const RETRY_FIRST_MS = 100

/** Longest pause between tries, ms: the pause of the published dataplane. */
export const RETRY_LONGEST_MS = 2000

/** How long an unreachable controller is tried, ms. Longer than any restart of it, shorter than a night. */
export const CONTROLLER_PATIENCE_MS = 300_000

/** Times in a row that a node is made again, or refused on a rejoin, before it counts as lost. */
export const NODE_TRIES = 5

/**
 * Each connection is pinged this often, ms; silence since the ping before means it is dead. As the published dataplane.
 */
export const KEEP_ALIVE_MS = 30_000

/** Steps of one keep-alive round: at most a thirtieth of the connections is pinged at once. */
export const KEEP_ALIVE_STEPS = 30

/** Refused dials in a row to one node of this fleet, from any of its neighbours, before its listener counts as gone. */
export const LISTENER_GONE_DIALS = 3

/** Largest message a controller may send, bytes: an InstallRoutes of some 100,000 entries. */
export const MESSAGE_BYTES_MAX = 16 * 1024 * 1024

/** Refused links that become events; further ones are only counted, since a stranger may knock without end. */
export const LINK_REFUSALS_TOLD = 100

/** Tokens of a walk that come to a node again and become events; the walk is spoilt by the first. */
export const TOKENS_AGAIN_TOLD = 100

/** Link ends in one answer: half a megabyte as JSON, a thirtieth of the longest line. */
export const LINK_ENDS_A_NOTICE = 10_000

/**
 * Relays of a fleet started by hand hold this many nodes back in the listen queue, no more than the joins in flight.
 */
export const RELAY_BACKLOG = 1024
