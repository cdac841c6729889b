// The inside of a deterministic run: `nslab run` in a guest that has no channel but its console and a port for results.
// Whatever it writes there follows from the image, the scenario and the seed alone.

import { readFileSync, writeSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { NslabError } from '../base/errors.ts'
import { packFolder } from '../vm/packing.ts'
import { RESULTS_PORT } from '../vm/qemu.ts'
import { findPort, PortStream } from './agent/port.ts'
import {
  type GuestInput,
  type GuestOutcome,
  type GuestSaid,
  INPUT_NAME,
  INPUT_SCHEMA,
} from './deterministic-protocol.ts'
import { readOrNull } from './proc.ts'
import type { Progress } from './progress.ts'
import { runScenario } from './run.ts'

/** On a tmpfs: the root has no size of its own. */
const RUNS_FOLDER = '/tmp/runs'
const PORT_LIMIT_MS = 20_000
/** A line this often on the console, in s of the guest: who watches it knows that the guest lives. */
const BEAT_S = 10
/** Lines of one phase are at least this far apart, in s of the guest. */
const PROGRESS_S = 1

/** Runs what the firmware has for this guest, writes the results to their port, and returns. Never rejects. */
export async function runInGuest(): Promise<void> {
  const say = (said: GuestSaid): void =>
    void writeSync(2, `nslab-run [${uptime().s.toFixed(3)}]: ${JSON.stringify(said)}\n`)
  const progress = throttled(say)
  const beat = setInterval(() => progress.repeat(), BEAT_S * 1000)
  let folder: string | null = null
  const outcome = await (async (): Promise<Pick<GuestOutcome, 'bug' | 'disk' | 'error'>> => {
    try {
      const { scenario, scenario_text } = readInput()
      const result = await runScenario({
        scenario,
        scenarioText: scenario_text,
        base: RUNS_FOLDER,
        here: { level: 'tcg', accelerator: 'tcg' },
        interrupted: new AbortController().signal,
        hurried: new AbortController().signal,
        onProgress: now => progress.update(now),
        onFolder: path => {
          folder = path
        },
        onWarning: warning => say({ warning }),
      })
      return { error: null, bug: result.bug === null ? null : describe(result.bug), disk: sent(result.diskError) }
    } catch (error) {
      const known = sent(error)
      return { error: known, bug: known === null ? describe(error) : null, disk: null }
    }
  })()
  clearInterval(beat)
  await sendResults(folder, outcome)
}

async function sendResults(
  folder: string | null,
  outcome: Pick<GuestOutcome, 'bug' | 'disk' | 'error'>,
): Promise<void> {
  const port = new PortStream(await findPort(RESULTS_PORT, PORT_LIMIT_MS))
  const { s, idleS } = uptime()
  const header: GuestOutcome = { ...outcome, guest_s: s, guest_idle_s: idleS }
  await written(port, `${JSON.stringify(header)}\n`)
  if (folder !== null) await packFolder(folder, port)
  port.destroy()
}

const written = (out: Writable, text: string): Promise<void> =>
  new Promise((resolve, reject) => out.write(text, error => (error ? reject(error) : resolve())))

function readInput(): GuestInput {
  const input = JSON.parse(readFileSync(`/sys/firmware/qemu_fw_cfg/by_name/${INPUT_NAME}/raw`, 'utf8')) as GuestInput
  if (input.schema !== INPUT_SCHEMA) throw new Error(`the input has the schema ${input.schema}, not ${INPUT_SCHEMA}`)
  return input
}

function throttled(say: (said: GuestSaid) => void): { update(now: Progress): void; repeat(): void } {
  let last: Progress | null = null
  let saidS = Number.NEGATIVE_INFINITY
  const tell = (progress: Progress): void => {
    saidS = uptime().s
    say({ progress })
  }
  return {
    update(now) {
      const isNew = now.phase !== last?.phase
      last = now
      if (isNew || uptime().s - saidS >= PROGRESS_S) tell(now)
    },
    repeat() {
      if (last !== null) tell(last)
    },
  }
}

/** Seconds since the kernel started, and how many of them its processor had nothing to do. */
function uptime(): { readonly s: number; readonly idleS: number } {
  const [s, idleS] = (readOrNull('/proc/uptime') ?? '').split(' ').map(Number)
  return { s: s ?? Number.NaN, idleS: idleS ?? Number.NaN }
}

function sent(error: unknown): GuestOutcome['error'] {
  return error instanceof NslabError ? { code: error.code, facts: error.facts } : null
}

const describe = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))
