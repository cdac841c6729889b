// Clinic around a program: started, loaded, ended in order, and its results looked at.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readProcesses } from '../../src/lab/proc/process-table.ts'

export const kinds = ['doctor', 'flame'] as const
export type Kind = (typeof kinds)[number]

/** A program and its load. */
export interface Subject {
  /** Arguments of nslab. */
  readonly args: readonly string[]
  /** What it says on standard error when it can be loaded; null: it says nothing, and is loaded at once. */
  readonly ready: RegExp | null
  /** Loads it until `signal` is aborted. Resolves with what was done, in words. */
  readonly load: (signal: AbortSignal) => Promise<string>
  /** Lets go of everything that was made for it. */
  readonly end: () => Promise<void>
}

/** A profile of a load of seconds is larger: an empty page is the viewer alone. */
const RECORDED_BYTES_MIN = 20_000
/** Clinic's own start, and its analysis of what it recorded. */
const READY_MS = 60_000
const ANALYSIS_MS = 300_000

const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

function startClinic(kind: Kind, name: string, out: string, args: readonly string[]) {
  const clinic = process.env.NSLAB_CLINIC
  if (clinic === undefined) throw new Error('profile: start it by npm run profile, which fetches clinic')
  const words = [clinic, kind, '--open=false', '--dest', out, '--name', name, '--']
  return spawn(process.execPath, [...words, process.execPath, cli, ...args], {
    cwd: out,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Else it asks on the terminal whether it may send statistics, and without one it does nothing at all.
    env: { ...process.env, NO_INSIGHT: '1', NO_UPDATE_NOTIFIER: '1' },
  })
}

/** The program, which clinic started. */
const programOf = (clinicPid: number): number | null =>
  [...readProcesses().values()].find(entry => entry.parent_pid === clinicPid)?.pid ?? null

/** Records, and returns the path of the page. Throws where there is no profile, whatever clinic says. */
export async function profile(
  kind: Kind,
  name: string,
  subject: Subject,
  options: { readonly seconds: number; readonly out: string },
): Promise<string> {
  const out = resolve(options.out, `${kind}-${name}-${new Date().toISOString().replace(/[:.]/g, '-')}`)
  mkdirSync(out, { recursive: true })
  const child = startClinic(kind, name, out, subject.args)
  let said = ''
  let wake = (): void => {}
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
      wake()
    })
  const ended = once(child, 'close').then(([code, signal]) => {
    wake()
    return String(signal ?? `exit ${code}`)
  })
  try {
    const isReady = (): boolean => subject.ready === null || subject.ready.test(said)
    const deadline = setTimeout(() => child.kill('SIGKILL'), READY_MS)
    while (!isReady()) {
      await new Promise<void>(resume => (wake = resume))
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`profile: it did not start: ${said}`)
    }
    clearTimeout(deadline)
    const done = await subject.load(AbortSignal.timeout(options.seconds * 1000))
    process.stderr.write(`profile: ${done}; clinic looks at it …\n`)
    const pid = programOf(child.pid as number)
    if (pid === null) throw new Error(`profile: the program ended under its load: ${said}`)
    process.kill(pid, 'SIGINT')
    const late = setTimeout(() => child.kill('SIGKILL'), ANALYSIS_MS)
    const status = await ended
    clearTimeout(late)
    return proven(kind, name, out, `${status}\n${said}`)
  } finally {
    child.kill('SIGKILL')
    await ended
    await subject.end()
  }
}

/** The page, where it and what was recorded are there and are not empty. */
export function proven(kind: Kind, name: string, out: string, said: string): string {
  const page = join(out, `${name}.clinic-${kind}.html`)
  const recorded = join(out, `${name}.clinic-${kind}`)
  const size = (path: string): number => {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat?.isDirectory() === true) return readdirSync(path).reduce((sum, entry) => sum + size(join(path, entry)), 0)
    return stat?.size ?? 0
  }
  if (size(page) === 0) throw new Error(`profile: clinic wrote no page ${page}; it said: ${said}`)
  if (size(recorded) < RECORDED_BYTES_MIN)
    throw new Error(
      `profile: clinic recorded nothing of use (${size(recorded)} bytes in ${recorded}); it said: ${said}`,
    )
  return page
}
