// nslab link A B: how a link of a live run is shaped, and changing it.

import { type Command, Option } from 'commander'
import { NslabError } from '../base/errors.ts'
import { DELAY_S_MAX, QUEUE_PACKETS_MAX } from '../config/traffic-schema.ts'
import { parseDuration, parseRate, parseSize } from '../config/units.ts'
import { LabClient } from '../lab/visit/client.ts'
import type { LinkChange } from '../protocol/lab.ts'
import type { LinkShape } from '../protocol/traffic.ts'
import { shapeText } from '../report/link-shape.ts'
import { LINK_RUN_OPTION, liveRunWithLinks, nodeIdOf } from './live-link.ts'

interface Options {
  readonly run?: string
  readonly both?: boolean
  readonly forward?: boolean
  readonly clear?: boolean
}

interface Setting {
  readonly flag: string
  readonly what: string
  readonly key: keyof LinkShape
  /** What a value must be, in words. */
  readonly limit: string
  /** Null: it is not. */
  readonly read: (text: string) => number | null
}

const ratio = (text: string): number | null => {
  const [, number, percent] = /^([0-9]+(?:\.[0-9]+)?|\.[0-9]+)\s*(%?)$/.exec(text.trim()) ?? []
  const value = Number(number) / (percent === '%' ? 100 : 1)
  return number !== undefined && value <= 1 ? value : null
}

const seconds = (text: string): number | null => {
  const value = text === '0' ? 0 : parseDuration(text)
  return value !== null && value <= DELAY_S_MAX ? value : null
}

const share = 'a share from 0 to 1, or in percent: "0.1%"'

const settings: readonly Setting[] = [
  {
    flag: 'rate',
    what: 'of packets: 10mbit, 125kbps (bytes)',
    key: 'rate',
    limit: 'a rate of at least a byte a second, such as "10mbit" or "125kbps"',
    read: text => {
      const rate = parseRate(text)
      return rate !== null && rate >= 1 ? rate : null
    },
  },
  {
    flag: 'burst',
    what: "of the rate's token bucket: 15kB",
    key: 'bucket_size',
    limit: 'a size of at least a byte, such as "15kB"',
    read: text => {
      const bytes = Math.ceil(parseSize(text) ?? 0)
      return bytes >= 1 ? bytes : null
    },
  },
  {
    flag: 'queue',
    what: 'packets that wait for it at most',
    key: 'queue_packets',
    limit: `an integer from 1 to ${QUEUE_PACKETS_MAX}`,
    read: text => (/^[1-9][0-9]*$/.test(text) && Number(text) <= QUEUE_PACKETS_MAX ? Number(text) : null),
  },
  {
    flag: 'delay',
    what: 'of every packet: 20ms',
    key: 'delay_s',
    limit: 'a duration of at most 1h, such as "20ms"',
    read: seconds,
  },
  {
    flag: 'jitter',
    what: 'by which the delay varies: 2ms',
    key: 'jitter_s',
    limit: 'a duration of at most 1h, such as "20ms"',
    read: seconds,
  },
  { flag: 'loss', what: 'share of packets that are lost: 0.1%', key: 'loss_ratio', limit: share, read: ratio },
  { flag: 'duplicate', what: 'share that comes twice', key: 'duplicate_ratio', limit: share, read: ratio },
  { flag: 'corrupt', what: 'share of which a bit is turned', key: 'corrupt_ratio', limit: share, read: ratio },
  { flag: 'reorder', what: 'share that is not delayed', key: 'reorder_ratio', limit: share, read: ratio },
]

export function addLinkCommand(program: Command): void {
  const command = program
    .command('link')
    .summary('change a link of a live run: rate, delay, loss, …')
    .description(
      'Changes how packets of built-in flows and of TUN interfaces go over the link between nodes A and B of a live run, ' +
        'in both directions. What is not named stays as it is; "none" takes a setting away. Says how the link is now; ' +
        'without settings only that. It holds for every packet that comes to the link after this command has ended.',
    )
    .argument('<a>', "a node's id")
    .argument('<b>', "its neighbour's id")
    .option('--both', 'both directions, the default')
    .addOption(new Option('--forward', 'only packets from A to B').conflicts('both'))
  for (const { flag, what } of settings) command.option(`--${flag} <value>`, what)
  command
    .option('--clear', 'takes all settings away first')
    .option(...LINK_RUN_OPTION)
    .addHelpText(
      'after',
      '\nExamples:\n  nslab link 3 4 --rate 10mbit --delay 20ms --jitter 2ms --loss 0.1%\n' +
        '  nslab link 3 4 --forward --delay none\n  nslab link 3 4 --clear\n',
    )
    .action(async (a: string, b: string, options: Options & Readonly<Record<string, unknown>>) => {
      const ask = { node_id: nodeIdOf(a, 'A'), peer_id: nodeIdOf(b, 'B') }
      const change = changeOf(options)
      const client = await LabClient.connectForLinks(liveRunWithLinks(options.run))
      try {
        const both = options.forward !== true
        const now = await client.call('link', { ...ask, both, change, clear: options.clear === true })
        for (const { node_id, peer_id, shape } of now)
          process.stdout.write(`${node_id} to ${peer_id}: ${shapeText(shape)}\n`)
      } finally {
        client.close()
      }
    })
}

/** What the flags ask for; null: nothing. Throws USAGE with everything that is wrong. */
function changeOf(options: Readonly<Record<string, unknown>>): LinkChange | null {
  const change: Record<string, number | null> = {}
  const problems: string[] = []
  for (const { flag, key, limit, read } of settings) {
    const text = options[flag]
    if (typeof text !== 'string') continue
    const value = text === 'none' ? null : read(text)
    if (value === null && text !== 'none') problems.push(`--${flag} ${JSON.stringify(text)}: must be ${limit}, or none`)
    else change[key] = value
  }
  if (problems.length > 0) throw new NslabError('USAGE', { problem: problems.join('\n'), hint: 'nslab link --help' })
  return Object.keys(change).length === 0 ? null : (change as LinkChange)
}
