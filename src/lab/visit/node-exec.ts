// A command in a node's namespace: find the run, ask its fleet where the node is, start the command there through the
// launcher, and let neither outlive the other.

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { basename, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { NslabError } from '../../base/errors.ts'
import { RUN_VARIABLE } from '../../base/run-mark.ts'
import { connectTo } from '../../base/unix-socket.ts'
import { cookieAt } from '../site/quiesce.ts'
import type { LiveRun } from '../state/live-runs.ts'

const launcherPath = fileURLToPath(new URL('../../../native/build/Release/nslab-launch', import.meta.url))

/** How long a command may take to end by itself once its fleet is gone. */
const END_GRACE_MS = 2000
const ANSWER_DEADLINE_MS = 5000

/** Where a node's namespace is: descriptor `fd` of process `pid`. */
export interface NodePlace {
  readonly pid: number
  readonly fd: number
  readonly address: string
  readonly cookie?: string
  /** What the node lacks that a command might want: its TUN interface, and why. */
  readonly warning?: string
}

/**
 * The run to use: the only live one, or the one named by the start of its id, its folder, or that folder's name. Throws
 * USAGE.
 */
export function chooseRun(live: readonly LiveRun[], wanted?: string): LiveRun {
  if (live.length === 0) {
    throw new NslabError('USAGE', {
      problem: 'no run is alive on this machine',
      hint: 'Start one: nslab run ring.',
      live: [],
    })
  }
  const matching = wanted === undefined ? live : live.filter(run => isNamed(run, wanted))
  const [only] = matching
  if (matching.length === 1 && only !== undefined) return only
  const names = live.map(run => `${run.run_id.slice(0, 8)} (${run.folder})`)
  const problem =
    wanted === undefined
      ? `${live.length} runs are alive: ${names.join(', ')}`
      : `${matching.length === 0 ? 'no' : 'more than one'} live run is named ${wanted}; alive: ${names.join(', ')}`
  throw new NslabError('USAGE', { problem, hint: 'Name one with --run.', live: live.map(run => run.run_id) })
}

/** By the start of its id, its folder, or that folder's name. */
export function isNamed(run: LiveRun, wanted: string): boolean {
  return run.run_id.startsWith(wanted) || basename(run.folder) === wanted || run.folder === resolve(wanted)
}

/**
 * Asks the fleet that knows the id. The socket is the life line: it closes when the fleet ends. Throws USAGE or
 * PROCESS_ENDED.
 */
export async function locateNode(run: LiveRun, nodeId: number): Promise<{ place: NodePlace; lifeLine: Socket }> {
  const fleet = run.sockets.find(({ node_ids: [first, last] }) => nodeId >= first && nodeId <= last)
  if (fleet === undefined) {
    const ranges = run.sockets.map(({ node_ids: [first, last] }) => `${first}-${last}`)
    throw new NslabError('USAGE', {
      problem: `the run has no node ${nodeId}; its nodes are ${ranges.join(', ')}`,
      hint: 'NODE is an id.',
      node_id: nodeId,
      known: ranges,
    })
  }
  const lifeLine = await connectTo(fleet.path).catch((error: NodeJS.ErrnoException) => {
    throw fleetGone(fleet.path, error.code ?? 'closed')
  })
  try {
    const answer = JSON.parse(await ask(lifeLine, { node_id: nodeId })) as NodePlace | { error: string }
    if ('error' in answer)
      throw new NslabError('USAGE', {
        problem: answer.error,
        hint: 'The node may be starting or gone.',
        node_id: nodeId,
      })
    return { place: answer, lifeLine }
  } catch (error) {
    lifeLine.destroy()
    throw error
  }
}

function ask(socket: Socket, question: object): Promise<string> {
  return new Promise((done, fail) => {
    let text = ''
    const end = (settle: () => void): void => {
      clearTimeout(timer)
      socket.off('data', onData).off('close', onClose)
      settle()
    }
    const onData = (chunk: Buffer): void => {
      text += chunk.toString()
      const line = text.indexOf('\n')
      if (line >= 0) end(() => done(text.slice(0, line)))
    }
    const onClose = (): void => end(() => fail(fleetGone('its socket', 'closed')))
    const timer = setTimeout(
      () =>
        end(() =>
          fail(
            new NslabError('DEADLINE', {
              waitingFor: "the fleet's answer",
              limitS: ANSWER_DEADLINE_MS / 1000,
              missing: ['fleet'],
            }),
          ),
        ),
      ANSWER_DEADLINE_MS,
    )
    socket.on('data', onData).on('close', onClose)
    socket.write(`${JSON.stringify(question)}\n`)
  })
}

function fleetGone(where: string, status: string): NslabError {
  return new NslabError('PROCESS_ENDED', { process: 'the fleet', status, lastWords: `${where} can't be reached` })
}

export interface ExecRequest {
  readonly run: LiveRun
  readonly nodeId: number
  /** Program and arguments. */
  readonly command: readonly string[]
  /** Default: inherited. */
  readonly stdio?: StdioOptions & readonly unknown[]
  /** Told once the command's launcher runs; signals sent to it reach the command. */
  readonly onStart?: (launcher: ChildProcess) => void
  /** Told before, where the command may miss something in the node. */
  readonly onWarning?: (warning: string) => void
}

export interface ExecResult {
  /** The command's exit code, 128+n after signal n. */
  readonly exitCode: number
  /** The fleet ended first, and the command with it. */
  readonly fleetEnded: boolean
}

/**
 * Runs a command in a node's network namespace (and user namespace, where the fleet has one) and a pid namespace of its
 * own, so that all it starts ends with it. It ends when the fleet does, and when this process does, by whatever cause.
 * Equivalent to: `nsenter --net=/proc/PID/fd/N unshare --pid --fork CMD`.
 */
export async function execInNode(request: ExecRequest): Promise<ExecResult> {
  const { place, lifeLine } = await locateNode(request.run, request.nodeId)
  try {
    if (place.warning !== undefined) request.onWarning?.(place.warning)
    return await runAt(place, lifeLine, request)
  } finally {
    lifeLine.destroy()
  }
}

async function runAt(place: NodePlace, lifeLine: Socket, request: ExecRequest): Promise<ExecResult> {
  const path = `/proc/${place.pid}/fd/${place.fd}`
  const netnsFd = openNamespace(path)
  try {
    // A descriptor number may have been given to another namespace since the answer: ours is open now, so ask it.
    const cookie = cookieAt(`/proc/self/fd/${netnsFd}`)
    if (cookie !== null && place.cookie !== undefined && cookie !== place.cookie) {
      throw new NslabError('USAGE', {
        problem: `node ${request.nodeId} was just made anew`,
        hint: 'Try again.',
        node_id: request.nodeId,
      })
    }
    const launcher = spawn(launcherPath, launcherArguments(place, request.command), {
      stdio: [...(request.stdio ?? ['inherit', 'inherit', 'inherit']), netnsFd] as StdioOptions,
      env: { ...process.env, [RUN_VARIABLE]: request.run.run_id },
    })
    request.onStart?.(launcher)
    return supervise(launcher, lifeLine)
  } finally {
    // The launcher has its own: the namespace is not to be held from here.
    closeSync(netnsFd)
  }
}

/** Fails where the fleet or the node ended since the answer, or belongs to another user. */
function openNamespace(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    throw fleetGone(path, (error as NodeJS.ErrnoException).code ?? 'error')
  }
}

function launcherArguments(place: NodePlace, command: readonly string[]): string[] {
  return [
    '--parent-death',
    String(constants.signals.SIGKILL),
    String(process.pid),
    '--join-user',
    `/proc/${place.pid}/ns/user`,
    '--join-net',
    '3',
    '--close-fds-except',
    '',
    '--pid',
    '--',
    ...command,
  ]
}

function supervise(launcher: ChildProcess, lifeLine: Socket): Promise<ExecResult> {
  return new Promise((done, fail) => {
    let fleetEnded = false
    let timer: NodeJS.Timeout | undefined
    const onFleetEnd = (): void => {
      fleetEnded = true
      launcher.kill('SIGTERM')
      timer = setTimeout(() => launcher.kill('SIGKILL'), END_GRACE_MS)
    }
    const end = (): void => {
      clearTimeout(timer)
      lifeLine.off('close', onFleetEnd)
    }
    launcher.once('error', error => {
      end()
      fail(
        new NslabError(
          'PROCESS_ENDED',
          { process: 'nslab-launch', status: (error as NodeJS.ErrnoException).code ?? 'error' },
          { cause: error },
        ),
      )
    })
    launcher.once('exit', (code, signal) => {
      end()
      done({ exitCode: code ?? 128 + (signal === null ? 0 : constants.signals[signal]), fleetEnded })
    })
    lifeLine.on('close', onFleetEnd)
    lifeLine.resume()
    if (lifeLine.destroyed) onFleetEnd()
  })
}
