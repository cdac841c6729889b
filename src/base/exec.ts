// Running short tools (git, ip, initdb, …) and keeping what they say: the one place that uses zx.
// Never for network set-up, which is native, and never for the long-lived programs of a run (src/lab/run/program.ts).

import { spawn } from 'node:child_process'

export interface ExecOptions {
  /** Written to the tool's standard input, which is then closed; without it the tool reads end-of-file. */
  readonly input?: string
  /** Milliseconds after which the tool gets SIGKILL. */
  readonly timeoutMs?: number
  /** The tool's whole environment; ours where absent. */
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Abort: the tool gets SIGKILL. */
  readonly abort?: AbortSignal
}

export interface ExecResult {
  readonly stdout: string
  readonly stderr: string
  /** null when a signal ended it; 127 when there is no such program, 126 when it may not be run. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Whether our own time limit ended it. */
  readonly timedOut: boolean
}

/**
 * Runs `command` with `args` as they are: no shell reads them. Never rejects for what the tool does.
 * zx is imported at the first call, for it takes some 60 ms.
 */
export async function run(command: string, args: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const { $ } = await import('zx/core')
  if (options.abort?.aborted) return { stdout: '', stderr: '', code: null, signal: 'SIGKILL', timedOut: false }
  let pid = 0
  let timedOut = false
  let notStarted: number | undefined
  const kill = (): void => {
    // Without a pid it never started; with one, zx has not yet seen its end, so the id can't be another's.
    if (pid > 0) process.kill(pid, 'SIGKILL')
  }
  const child = $({
    quiet: true,
    nothrow: true,
    detached: false,
    ...(options.input ? { input: options.input } : { stdio: ['ignore', 'pipe', 'pipe'] as const }),
    env: options.env ?? process.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    // zx would hand a command line to a shell; the words go to the kernel instead.
    spawn: ((_line: string, _words: readonly string[], spawnOptions: object) => {
      const started = spawn(command, args, { ...spawnOptions, shell: false })
      pid = started.pid ?? 0
      // A tool may end without having read what it is given: how it ended says enough.
      started.stdin?.on('error', () => {})
      started.once('exit', () => {
        pid = 0
      })
      started.once('error', (error: NodeJS.ErrnoException) => {
        notStarted = error.code === 'ENOENT' ? 127 : 126
      })
      return started
    }) as unknown as typeof spawn,
  })`${command}`
  const timer = setTimeout(
    () => {
      timedOut = pid > 0
      kill()
    },
    options.timeoutMs ?? 2 ** 31 - 1,
  )
  options.abort?.addEventListener('abort', kill)
  const { stdout, stderr, exitCode, signal } = await child.finally(() => {
    clearTimeout(timer)
    options.abort?.removeEventListener('abort', kill)
  })
  return { stdout, stderr, code: notStarted ?? (signal === null ? exitCode : null), signal, timedOut }
}
