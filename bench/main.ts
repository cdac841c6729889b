// npm run bench -- NAME [options]: figures beside their floor, measured in the same run.

import { Command } from 'commander'
import { type Bench, printResult } from './figures.ts'

interface Entry {
  readonly shows: string
  /** Where the option does not say. */
  readonly nodes?: string
  readonly load: () => Promise<Bench>
}

/** Name → what it shows, and how it is measured. */
const benches: Readonly<Record<string, Entry>> = {
  fabric: {
    shows: 'kernel objects of a fleet against the floor',
    load: async () => (await import('./fabric.ts')).benchFabric,
  },
  ring: {
    shows: 'a ring from the first kernel call to wired',
    load: async () => (await import('./ring.ts')).benchRing,
  },
  setns: {
    shows: 'namespace switches against the system call',
    load: async () => (await import('./setns.ts')).benchSetns,
  },
  collect: {
    shows: 'polling the sockets of many namespaces against the bare dumps, and ss',
    nodes: '200,1000',
    load: async () => (await import('./collect.ts')).benchCollect,
  },
  readers: {
    shows: 'threads and memory of a reader a namespace against one poller for all',
    nodes: '50,200,500',
    load: async () => (await import('./readers.ts')).benchReaders,
  },
  churn: {
    shows: 'namespaces with sockets that come and go against bare ones',
    nodes: '200,1000',
    load: async () => (await import('./churn.ts')).benchChurn,
  },
  engine: {
    shows: 'packets routed and forwarded in memory against reading their destination',
    load: async () => (await import('./engine.ts')).benchEngine,
  },
  chain: {
    shows: 'a relay of packets between namespaces against bare relays and the kernel',
    load: async () => (await import('./chain.ts')).benchChain,
  },
  'ring-flows': {
    shows: 'what a packet-hop costs in a large ring against a ring of 8 with as many',
    load: async () => (await import('./ring-flows.ts')).benchRingFlows,
  },
  'vm-boot': {
    shows: 'an emulated guest up to its agent against the bare kernel',
    load: async () => (await import('./vm-boot.ts')).benchVmBoot,
  },
  'vm-net': {
    shows: 'networks between two VMs against their floors',
    load: async () => (await import('./vm-net.ts')).benchVmNet,
  },
  deterministic: {
    shows: 'one digest from run to run, and what counting instructions costs',
    nodes: '10',
    load: async () => (await import('./deterministic.ts')).benchDeterministic,
  },
  peers: {
    shows: 'the same ring by mininet, and the chart',
    load: async () => (await import('./peers.ts')).benchPeers,
  },
}

const program = new Command('bench').description('nslab benchmarks').showHelpAfterError()
for (const [name, { shows, nodes: usual = '800', load }] of Object.entries(benches)) {
  program
    .command(name)
    .description(shows)
    .option('--nodes <list>', 'node counts, comma-separated', usual)
    .option('--rounds <n>', 'rounds of each, alternating', '5')
    .option('--chart <file>', 'where to write the chart (SVG)')
    .action(async (options: { nodes: string; rounds: string; chart?: string }) => {
      const nodes = options.nodes.split(',').map(Number)
      const rounds = Number(options.rounds)
      if (nodes.some(count => !Number.isInteger(count) || count < 1) || !Number.isInteger(rounds) || rounds < 1) {
        program.error('--nodes and --rounds take whole numbers from 1')
      }
      const bench = await load()
      printResult(await bench({ nodes, rounds, ...(options.chart === undefined ? {} : { chart: options.chart }) }))
    })
}
await program.parseAsync()
