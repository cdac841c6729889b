// A command of somebody at lab.sock in a guest: its streams, its signals, its end.

import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { CommandEnd } from '../../protocol/lab.ts'
import type { GuestChannel } from '../../vm/guest-channel.ts'

export interface GuestCommand {
  readonly channel: GuestChannel
  /** In the guest. */
  readonly pid: number
  /** Resolves when it has ended and its output has left; rejects with why nobody knows how it ended. */
  readonly ended: Promise<CommandEnd>
  /** To all of its processes. Rejects where the guest does not answer. */
  signal(signal: string): Promise<void>
}

export interface CommandRequest {
  readonly channel: GuestChannel
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** The ends of its streams, as their user has them. */
export interface CommandStreams {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
}

/** Throws KERNEL_REFUSED where it can't be started, and why the channel ended; the streams are then closed. */
export async function startCommand(request: CommandRequest, near: CommandStreams): Promise<GuestCommand> {
  const { channel, argv, env } = request
  const process = channel.newNumber()
  const far = { stdin: channel.openStream('out'), stdout: channel.openStream('in'), stderr: channel.openStream('in') }
  const exit = channel.exitOf(process)
  // A client that reads no more ends its stream, which is to the command as a closed pipe; and the other way round.
  const said = Promise.allSettled([pipeline(far.stdout.stream, near.stdout), pipeline(far.stderr.stream, near.stderr)])
  pipeline(near.stdin, far.stdin.stream).catch(() => {})
  try {
    const numbers = { stdin: far.stdin.number, stdout: far.stdout.number, stderr: far.stderr.number }
    const { pid } = await channel.call('exec', { process, argv, env, ...numbers })
    return {
      channel,
      pid,
      ended: exit
        .then(async ({ status, code }) => {
          await said
          return { status, code }
        })
        .finally(() => far.stdin.stream.destroy()),
      signal: signal => kill(channel, process, signal),
    }
  } catch (error) {
    channel.forget(process)
    for (const { stream } of Object.values(far)) stream.destroy()
    throw error
  }
}

/** To a process of a guest. Rejects where the guest does not answer. */
export async function kill(channel: GuestChannel, process: number, signal: string): Promise<void> {
  await channel.call('kill', { process, signal })
}
