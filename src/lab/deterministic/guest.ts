// The inside of a deterministic run: `nslab run` in a guest that has no channel but its console and a port for results.
// Whatever it writes there follows from the image, the scenario and the seed alone.

import { readFileSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { NslabError } from '../../base/errors.ts'
import { readOrNull } from '../../base/read-or-null.ts'
import { packFolder } from '../../vm/packing.ts'
import { RESULTS_PORT } from '../../vm/qemu.ts'
import { findPort, PortStream } from '../agent/port.ts'
import type { Progress } from '../run/progress.ts'
import { runScenario } from '../run/run.ts'
import { toJson } from '../run-folder/disk.ts'
import {
  type GuestInput,
  type GuestOutcome,
  INPUT_NAME,
  INPUT_SCHEMA,
  progressLine,
  type SentError,
} from './protocol.ts'

/** On a tmpfs: the root has no size of its own. */
const RUNS_FOLDER = '/tmp/runs'
const PORT_LIMIT_MS = 20_000
/** Lines of one phase are at least this far apart, in s of the guest. */
const PROGRESS_S = 1

type Failure = Pick<GuestOutcome, 'error' | 'bug' | 'disk'>

/** Runs what the firmware has for this guest, and writes the results to their port. */
export async function runInGuest(): Promise<void> {
  let folder: string | null = null
  const failure = await runTold(path => {
    folder = path
  })
  const port = new PortStream(await findPort(RESULTS_PORT, PORT_LIMIT_MS))
  const { s, idleS } = uptime()
  const outcome: GuestOutcome = { ...failure, guest_s: s, guest_idle_s: idleS }
  await written(port, `${toJson(outcome)}\n`)
  if (folder !== null) await packFolder(folder, port)
  port.destroy()
}

/** Never rejects: what goes wrong is a result. */
async function runTold(onFolder: (path: string) => void): Promise<Failure> {
  const progress = new Console()
  // The first stream of a process has libuv keep /dev/null open: to the run's census that must not look like its doing.
  process.stderr.write('')
  let timer: NodeJS.Timeout | undefined
  try {
    const input = readInput()
    timer = setInterval(() => progress.repeat(), input.beat_s * 1000)
    const { bug, diskError } = await runScenario({
      scenario: input.scenario,
      scenarioText: input.scenario_text,
      base: RUNS_FOLDER,
      here: { level: 'tcg', accelerator: input.accelerator, notes: input.notes },
      interrupted: new AbortController().signal,
      hurried: new AbortController().signal,
      onProgress: now => progress.update(now),
      onFolder,
      onWarning: () => {},
    })
    return { error: null, bug: bug === null ? null : describe(bug), disk: sentOrNull(diskError) }
  } catch (error) {
    const sent = sentOrNull(error)
    return { error: sent, bug: sent === null ? describe(error) : null, disk: null }
  } finally {
    clearInterval(timer)
  }
}

function readInput(): GuestInput {
  const input = JSON.parse(readFileSync(`/sys/firmware/qemu_fw_cfg/by_name/${INPUT_NAME}/raw`, 'utf8')) as GuestInput
  if (input.schema !== INPUT_SCHEMA) throw new Error(`the input has the schema ${input.schema}, not ${INPUT_SCHEMA}`)
  return input
}

/** How far the run is, a line at each new phase and now and then. */
class Console {
  #last: Progress | null = null
  #saidS = Number.NEGATIVE_INFINITY

  update(progress: Progress): void {
    const isNew = progress.phase !== this.#last?.phase
    this.#last = progress
    if (isNew || uptime().s - this.#saidS >= PROGRESS_S) this.repeat()
  }

  repeat(): void {
    if (this.#last === null) return
    this.#saidS = uptime().s
    process.stderr.write(`${progressLine(this.#saidS, this.#last)}\n`)
  }
}

/** Seconds since the kernel started, and how many of them its processor had nothing to do. */
function uptime(): { readonly s: number; readonly idleS: number } {
  const [s, idleS] = (readOrNull('/proc/uptime') ?? '').split(' ').map(Number)
  return { s: s ?? Number.NaN, idleS: idleS ?? Number.NaN }
}

const written = (out: Writable, text: string): Promise<void> =>
  new Promise((resolve, reject) => out.write(text, error => (error ? reject(error) : resolve())))

const sentOrNull = (error: unknown): SentError | null =>
  error instanceof NslabError ? { code: error.code, facts: error.facts } : null

const describe = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))
