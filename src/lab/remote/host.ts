// The other machine, reached by the user's own ssh: its configuration, keys and agents count here, too.

import { type ChildProcess, spawn } from 'node:child_process'
import { NslabError } from '../../base/errors.ts'
import { type ExecResult, run } from '../../base/exec.ts'

/** ssh's own exit code where it could not connect, or lost the connection: ssh(1). */
export const SSH_LOST = 255

/** A connection that says nothing for a minute is lost; one that isn't made within 20 s never was. */
const OPTIONS = ['ServerAliveInterval=15', 'ServerAliveCountMax=4', 'ConnectTimeout=20'].flatMap(option => [
  '-o',
  option,
])

export class RemoteHost {
  readonly name: string
  readonly #signal: AbortSignal

  /** `signal` ends whatever is asked of the machine meanwhile. */
  constructor(name: string, signal: AbortSignal) {
    this.name = name
    this.#signal = signal
  }

  #words(): string[] {
    return [...OPTIONS, '--', this.name, 'sh', '-s']
  }

  /** Runs a script of ours there. Throws REMOTE_REFUSED where ssh can't reach it, and the signal's reason. */
  async run(script: string): Promise<ExecResult> {
    const result = await run('ssh', this.#words(), { input: script, abort: this.#signal })
    this.#signal.throwIfAborted()
    if (result.code === 127 && result.stdout === '') await this.#requireSsh()
    if (result.code === SSH_LOST) throw this.unreachable(result.stderr)
    return result
  }

  async #requireSsh(): Promise<void> {
    if ((await run('ssh', ['-V'])).code === 127)
      throw new NslabError('NOT_FIT', {
        problems: ['another machine is reached by ssh, which is not on the PATH here'],
      })
  }

  /** Starts a script of ours there, whose standard output is a pipe to us; what ssh says is the user's. */
  open(script: string): ChildProcess {
    const child = spawn('ssh', this.#words(), { stdio: ['pipe', 'pipe', 'inherit'], signal: this.#signal })
    child.stdin?.on('error', () => {})
    child.stdin?.end(script)
    return child
  }

  /** Throws the signal's reason where that comes first. */
  async sleep(ms: number): Promise<void> {
    const { setTimeout: sleep } = await import('node:timers/promises')
    await sleep(ms, undefined, { signal: this.#signal }).catch(() => {})
    this.#signal.throwIfAborted()
  }

  unreachable(words: string): NslabError {
    return new NslabError('REMOTE_REFUSED', {
      host: this.name,
      operation: 'ssh',
      reason: words.trim().split('\n').at(-1) || 'it can not be reached',
      remedy: `\`ssh ${this.name} true\` has to work from here.`,
    })
  }
}

/** Ends as the child does; null where a signal ended it. */
export function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', error =>
      (error as NodeJS.ErrnoException).code === 'ABORT_ERR' ? resolve(null) : reject(error),
    )
    child.once('close', code => resolve(code))
  })
}
