// nslab capture A [B] --out FILE: copies of the packets that pass links of a live run, as a pcap file.

import { constants, copyFileSync, createReadStream, existsSync, rmSync, statSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { Command } from 'commander'
import { NslabError } from '../base/errors.ts'
import { parseDuration, parseSize } from '../config/units.ts'
import { LabClient } from '../lab/visit/client.ts'
import { formatBytes } from '../report/format.ts'
import { LINK_RUN_OPTION, liveRunWithLinks, nodeIdOf } from './live-link.ts'

interface Options {
  readonly out: string
  readonly seconds?: string
  readonly bytes: string
  readonly run?: string
}

const STDOUT = '-'
/** A timer of Node's ends before. */
const SECONDS_MAX = 2_000_000

export function addCaptureCommand(program: Command): void {
  program
    .command('capture')
    .summary('copy the packets of a link of a live run into a pcap file')
    .description(
      'Copies packets that node A of a live run gives to its link to B and takes from it, or those of all its links, ' +
        'into a pcap file (LINKTYPE_RAW: IP packets) for tcpdump -r or Wireshark. Ends with Ctrl-C, with --seconds, or ' +
        'with the run. The copies are made by the packet engine, as A sees them: after the impairments of what comes in.',
    )
    .argument('<a>', "a node's id")
    .argument('[b]', "its neighbour's id; absent: all of A's links")
    .requiredOption('--out <file>', 'file to make, which must not exist; "-": standard output, once it has ended')
    .option('--seconds <s>', 'end after so long: a number of seconds, or a duration such as 1m30s')
    .option('--bytes <n>', 'at most so much: a number of bytes, or a size such as 10MB', '100MB')
    .option(...LINK_RUN_OPTION)
    .addHelpText(
      'after',
      '\nExamples:\n  nslab capture 3 4 --out x.pcap --seconds 5\n  nslab capture 3 --out - | tcpdump -r -\n',
    )
    .action(async (a: string, b: string | undefined, options: Options) => {
      const limits = limitsOf(options)
      const ask = {
        node_id: nodeIdOf(a, 'A'),
        peer_id: b === undefined ? 0 : nodeIdOf(b, 'B'),
        bytes_max: limits.bytes,
      }
      if (options.out !== STDOUT && existsSync(options.out)) throw taken(options.out)
      const client = await LabClient.connectForLinks(liveRunWithLinks(options.run))
      try {
        const what = b === undefined ? `all links of node ${a}` : `the link between nodes ${a} and ${b}`
        const bytes = await capture(client, ask, limits.seconds, options.out, what)
        process.stderr.write(`nslab: captured ${formatBytes(bytes)} of ${what}\n`)
      } finally {
        client.close()
      }
    })
}

async function capture(
  client: LabClient,
  ask: { readonly node_id: number; readonly peer_id: number; readonly bytes_max: number },
  seconds: number | null,
  out: string,
  what: string,
): Promise<number> {
  // A signal before the answer ends it, too.
  const wanted = untilEnough(seconds)
  try {
    const { path, end } = await client.capture(ask)
    const until = seconds === null ? 'Ctrl-C ends it' : `for ${seconds} s`
    process.stderr.write(`nslab: capturing ${what}; ${until}\n`)
    const isOver = await Promise.race([wanted.enough.then(() => false), client.closed.then(() => true)])
    if (isOver) process.stderr.write('nslab: the run has ended, and the capture with it\n')
    else await end()
    return await hand(path, out)
  } finally {
    wanted.forget()
  }
}

/** Resolves at a signal, or when the time is over. */
function untilEnough(seconds: number | null): { readonly enough: Promise<void>; readonly forget: () => void } {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  let forget = (): void => {}
  const enough = new Promise<void>(resolve => {
    const timer = seconds === null ? undefined : setTimeout(resolve, seconds * 1000)
    for (const signal of signals) process.on(signal, resolve)
    forget = () => {
      clearTimeout(timer)
      for (const signal of signals) process.off(signal, resolve)
    }
  })
  return { enough, forget }
}

/** From the run's folder to where it is wanted; returns its size. Throws USAGE or DISK_REFUSED; then it stays there. */
async function hand(path: string, out: string): Promise<number> {
  const bytes = sizeOf(path)
  if (out === STDOUT) await pipeline(createReadStream(path), process.stdout, { end: false })
  else copy(path, out)
  rmSync(path, { force: true })
  return bytes
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new NslabError('FILE_UNREADABLE', { path, reason: code ?? message })
  }
}

function copy(path: string, out: string): void {
  try {
    copyFileSync(path, out, constants.COPYFILE_EXCL)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw taken(out, path)
    throw new NslabError('DISK_REFUSED', { path: out, reason: `${code ?? message}; the copies are in ${path}` })
  }
}

function taken(out: string, path?: string): NslabError {
  const where = path === undefined ? '' : `; the copies are in ${path}`
  return new NslabError('USAGE', { problem: `${out} exists already${where}`, hint: 'Name another file with --out.' })
}

function limitsOf({ seconds, bytes }: Options): { readonly seconds: number | null; readonly bytes: number } {
  const plain = /^[0-9]+(\.[0-9]+)?$/
  const size = plain.test(bytes) ? Number(bytes) : parseSize(bytes)
  if (size === null || size < 1 || !Number.isSafeInteger(Math.ceil(size)))
    throw new NslabError('USAGE', { problem: `--bytes ${bytes}: must be a number of bytes, or a size such as 10MB` })
  if (seconds === undefined) return { seconds: null, bytes: Math.ceil(size) }
  const time = plain.test(seconds) ? Number(seconds) : parseDuration(seconds)
  if (time === null || time <= 0 || time > SECONDS_MAX)
    throw new NslabError('USAGE', {
      problem: `--seconds ${seconds}: must be a number of seconds above 0, or a duration`,
    })
  return { seconds: time, bytes: Math.ceil(size) }
}
