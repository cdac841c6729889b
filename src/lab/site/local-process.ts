// A program of a run as a process of this machine: its descriptors, its life, its last words.

import { type StdioOptions, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Duplex, Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { startProcess } from '../../base/start-process.ts'
import type { ProcessEnd } from '../../vm/site-calls.ts'
import type { SiteProcess } from './site.ts'

/** Where a program's standard output and error go: a descriptor that the process inherits, or a function. */
export type Console =
  | { readonly fd: number; readonly lastWords: () => string }
  | { readonly onText: (text: string) => void; readonly lastWords: () => string }

export interface LocalProcessRequest {
  /** In errors. */
  readonly name: string
  /** Arguments of nslab. */
  readonly args: readonly string[]
  readonly nodeFlags: readonly string[]
  /** Descriptor of the fabric root, 3 in the child; absent: it gets none. */
  readonly fabricFd?: number
  /** Options of nslab-launch: it is started in namespaces of its own. Absent: it is started right here. */
  readonly enclosure?: readonly string[]
  readonly console: Console
  readonly env: Readonly<Record<string, string>>
}

const cliPath = fileURLToPath(new URL('../../cli/main.js', import.meta.url))
const launcherPath = fileURLToPath(new URL('../../../native/build/Release/nslab-launch', import.meta.url))
/** What starts a program is the first process of a PID namespace of its own. */
const INIT_PID = 1

/**
 * Starts nslab with arguments. The process is the leader of its own session, so that a terminal's Ctrl-C reaches its
 * starter alone; the kernel ends it when that ends (it asks for that itself, as its first act).
 * Throws KERNEL_REFUSED.
 */
export function startLocalProcess(request: LocalProcessRequest): SiteProcess {
  const { args, console, enclosure, env, fabricFd, name, nodeFlags } = request
  const output = 'fd' in console ? console.fd : 'pipe'
  const inherited = [...(fabricFd === undefined ? [] : ['--fabric-fd', '3']), '--channel-fd', '4']
  const words = [process.execPath, ...nodeFlags, cliPath, ...args, ...inherited]
  const [command, ...rest] = enclosure === undefined ? words : [launcherPath, ...enclosed(enclosure), ...words]
  const parent = enclosure === undefined ? process.pid : INIT_PID
  const child = startProcess(name, () =>
    spawn(command as string, rest, {
      stdio: ['ignore', output, output, fabricFd ?? 'ignore', 'pipe'] satisfies StdioOptions,
      env: { ...process.env, ...env, NSLAB_PARENT_PID: String(parent) },
      detached: true,
    }),
  )
  if ('onText' in console) {
    for (const stream of [child.stdout, child.stderr] as Readable[])
      stream.setEncoding('utf8').on('data', console.onText)
  }
  const pid = child.pid ?? 0
  const exited = new Promise<ProcessEnd>(resolve => {
    child.on('error', error => {
      // Only when it did not start: later errors are of signals that found it gone.
      if (pid === 0) resolve({ status: error.message, code: null })
    })
    // 'close' comes after the channel's last line was read, 'exit' may come before.
    child.on('close', (code, signal) =>
      resolve({ status: signal === null ? `exit ${code}` : `killed by ${signal}`, code }),
    )
  })
  return {
    pid,
    stream: child.stdio[4] as Duplex,
    exited,
    lastWords: console.lastWords,
    kill: () => child.kill('SIGKILL'),
  }
}

/** The launcher ends with this process, and all that is in its PID namespace with it. */
const enclosed = (options: readonly string[]): string[] => [
  '--parent-death',
  String(constants.signals.SIGKILL),
  String(process.pid),
  ...options,
  '--pid',
  '--proc',
  '--',
]
