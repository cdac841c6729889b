// nslab probe A B: what a link of a live run carries, measured.

import type { Command } from 'commander'
import { NslabError } from '../base/errors.ts'
import { parseSize } from '../config/units.ts'
import { LabClient } from '../lab/visit/client.ts'
import { measureText } from '../report/link-measure.ts'
import { LINK_RUN_OPTION, liveRunWithLinks, nodeIdOf } from './live-link.ts'

interface Options {
  readonly run?: string
  readonly both?: boolean
  readonly bytes: string
  readonly json?: boolean
}

/** Beyond, a probe would be refused by its time on all but the fastest links. */
const BYTES_MAX = 10_000_000_000

export function addProbeCommand(program: Command): void {
  program
    .command('probe')
    .summary('measure a link of a live run')
    .description(
      'Sends packets of 1,400 bytes from node A of a live run to its neighbour B as fast as the link between the two ' +
        'takes them, over nothing else, and says what B has received: bandwidth from the first to the last of them, ' +
        'packets lost, one-way latency under that load. Ends after 20 s at the latest. What else goes over the link goes ' +
        'on; the packets are in the account of the run.',
    )
    .argument('<a>', "a node's id")
    .argument('<b>', "its neighbour's id")
    .option('--both', 'then the other direction, too')
    .option('--bytes <n>', 'a number of bytes, or a size such as 10MB', '1.4MB')
    .option('--json', 'the measurements as JSON')
    .option(...LINK_RUN_OPTION)
    .addHelpText('after', '\nExamples:\n  nslab probe 3 4\n  nslab probe 3 4 --both --bytes 100MB --json\n')
    .action(async (a: string, b: string, options: Options) => {
      const ask = { node_id: nodeIdOf(a, 'A'), peer_id: nodeIdOf(b, 'B'), both: options.both === true }
      const bytes = bytesOf(options.bytes)
      const client = await LabClient.connectForLinks(liveRunWithLinks(options.run))
      try {
        const measured = await client.call('probe', { ...ask, bytes })
        if (options.json === true) process.stdout.write(`${JSON.stringify(measured)}\n`)
        else
          for (const { node_id, peer_id, ...measure } of measured)
            process.stdout.write(`${node_id} to ${peer_id}: ${measureText(measure)}\n`)
      } finally {
        client.close()
      }
    })
}

/** Throws USAGE. */
function bytesOf(text: string): number {
  const bytes = Math.ceil(/^[0-9]+$/.test(text) ? Number(text) : (parseSize(text) ?? 0))
  if (bytes >= 1 && bytes <= BYTES_MAX) return bytes
  const problem = `--bytes ${JSON.stringify(text)}: must be a size from 1 byte to 10 GB, such as "10MB"`
  throw new NslabError('USAGE', { problem, hint: 'nslab probe --help' })
}
