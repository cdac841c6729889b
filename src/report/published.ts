// The figures that Nextmini's documentation publishes for its namespace example, to stand beside a run's.
// Source: its page "Running Nextmini's dataplane nodes in virtualized network namespaces", Benchmark Results.

export interface PublishedRow {
  readonly topology: string
  readonly nodes: number
  readonly wiringS: number
  readonly memoryBefore: string
  readonly memoryAfter: string
  readonly perNode: string
  readonly note: string
}

const ring = (
  nodes: number,
  wiringS: number,
  before: string,
  after: string,
  perNode: string,
  note = '',
): PublishedRow => ({
  topology: 'Ring',
  nodes,
  wiringS,
  memoryBefore: `${before} GB`,
  memoryAfter: `${after} GB`,
  perNode: `~${perNode} MB`,
  note,
})

export const published: readonly PublishedRow[] = [
  ring(100, 5.87, '1.5', '1.8', '3'),
  ring(200, 11.2, '1.5', '2.0', '2.5'),
  ring(300, 47.22, '1.5', '2.2', '2.3'),
  ring(400, 77.63, '1.5', '2.5', '2.5'),
  ring(500, 165.3, '1.6', '2.7', '2.2', 'before their ARP fix'),
  ring(500, 32.64, '1.5', '2.8', '2.6', 'after their ARP fix'),
  ring(600, 42.52, '1.5', '2.9', '2.3', 'after their ARP fix'),
  ring(700, 48.85, '1.5', '3.1', '2.3', 'after their ARP fix'),
  ring(800, 55.4, '1.6', '3.3', '2.1', 'after their ARP fix'),
]

/** What must be known before the two are compared. */
export const publishedCaution =
  'Measured by the authors of Nextmini on an Arbutus c16-180-576 virtual machine (16 processors), one run each. Their time ' +
  'runs from the first node’s arrival until all nodes are connected and flows are sent, with 1.2 s of fixed waits in it, and ' +
  'ends before the links are confirmed; ours (all_wired_s) ends when the last node has reported its links up. ' +
  'nextmini_wiring_s is our time by their definition.'
