// Commands in a guest and files in and out of it, through its agent: a call with the streams that belong to it.

import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { GuestChannel } from './guest-channel.ts'

export interface GuestExecOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Standard input; without it the command reads end-of-file. */
  readonly input?: string | Buffer
  readonly deadlineS?: number
}

export interface GuestExecResult {
  readonly stdout: Buffer
  readonly stderr: Buffer
  /** "exit 3", "killed by SIGKILL". */
  readonly status: string
  readonly code: number | null
}

const EXEC_LIMIT_S = 60

/**
 * Runs a command in the guest to its end. Throws KERNEL_REFUSED where it can't be started, DEADLINE after killing it,
 * and why the channel ended.
 */
export async function execInGuest(
  channel: GuestChannel,
  argv: readonly string[],
  { cwd, env, input, deadlineS = EXEC_LIMIT_S }: GuestExecOptions = {},
): Promise<GuestExecResult> {
  const process = channel.newNumber()
  const [stdout, stderr] = [channel.openStream('in'), channel.openStream('in')]
  const stdin = input === undefined ? null : channel.openStream('out')
  const exit = channel.exitOf(process)
  const texts = Promise.all([buffer(stdout.stream), buffer(stderr.stream)])
  texts.catch(() => {})
  try {
    const ask = {
      process,
      argv,
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env }),
      ...(stdin === null ? {} : { stdin: stdin.number }),
      stdout: stdout.number,
      stderr: stderr.number,
    }
    const started = channel.call('exec', ask)
    stdin?.stream.end(input)
    await started
    const { status, code } = await channel.within(exit, `${argv[0]}`, deadlineS, () => {
      void channel.call('kill', { process, signal: 'SIGKILL' }).catch(() => {})
    })
    const [out, err] = await texts
    return { stdout: out, stderr: err, status, code }
  } finally {
    channel.forget(process)
    for (const opened of [stdout, stderr, stdin]) opened?.stream.destroy()
  }
}

const COPY_LIMIT_S = 120

/** Writes a file in the guest. Throws DISK_REFUSED. */
export async function writeToGuest(
  channel: GuestChannel,
  path: string,
  content: Readable | Buffer | string,
  mode = 0o644,
): Promise<number> {
  const { number, stream } = channel.openStream('out')
  const source = content instanceof Readable ? content : Readable.from([content], { objectMode: false })
  const written = channel.call('write_file', { path, mode, stream: number }, COPY_LIMIT_S)
  const sent = pipeline(source, stream)
  // Its failure is the call's consequence, or the other way round; the call tells more.
  sent.catch(() => {})
  try {
    return (await written).bytes
  } catch (error) {
    stream.destroy()
    source.destroy()
    throw error
  }
}

/** Copies a file of the guest. Throws FILE_UNREADABLE. */
export async function readFromGuest(channel: GuestChannel, path: string, to: string): Promise<number> {
  const { number, stream } = channel.openStream('in')
  const { bytes } = await together(
    stream,
    channel.call('read_file', { path, stream: number }, COPY_LIMIT_S),
    pipeline(stream, createWriteStream(to)),
  )
  return bytes
}

/**
 * A call and what reads its stream, each of which may fail and thereby end the other. The reader's own error counts
 * first; where its stream was just closed, the call's tells why.
 */
async function together<T>(stream: Readable, call: Promise<T>, reader: Promise<unknown>): Promise<T> {
  let own: unknown = null
  const read = reader.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') own = error
    stream.destroy()
    throw error
  })
  read.catch(() => {})
  try {
    const answer = await call
    await read
    return answer
  } catch (error) {
    stream.destroy()
    throw own ?? error
  }
}
