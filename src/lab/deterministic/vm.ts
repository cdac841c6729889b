// The VM of a deterministic run, from power-on to what it left: nothing is said to it, and it is heard only by its
// console, until it has switched itself off and its results are in a file.

import { closeSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, secondsSince } from '../../base/clock.ts'
import { wholeInitrdOf } from '../../vm/image/boot.ts'
import { GUEST_ROOT } from '../../vm/image/nslab-files.ts'
import { MicroVm } from '../../vm/microvm.ts'
import type { VmEnd, VmSpec } from '../../vm/spec.ts'
import { canonicalJson } from '../plan/canonical-json.ts'
import { readStat } from '../proc/proc.ts'
import { type Progress, progressOf } from '../run/progress.ts'
import type { Preparation } from './machine.ts'
import { type GuestOutcome, INPUT_NAME, PROGRAM_NAME, parseProgressLine } from './protocol.ts'
import { ConsoleWatch } from './watch.ts'

export interface GuestRequest {
  readonly preparation: Preparation
  /** Absolute; there already. */
  readonly consoleFile: string
  /** For what the guest reads and writes; made here. */
  readonly scratch: string
  readonly clock: Clock
  /** Switches the VM off at once. */
  readonly interrupted: AbortSignal
  readonly onProgress: (progress: Progress) => void
  /** How long the console may be silent. */
  readonly silentAfterS?: number | undefined
}

export interface GuestEnd {
  readonly end: VmEnd
  /** What the guest said at its end, and where in the file the packed run folder begins; null where it said nothing. */
  readonly results: { readonly outcome: GuestOutcome; readonly file: string; readonly from: number } | null
  readonly realS: number
  readonly cpuS: number | null
}

/** A guest says something every few seconds of its own time, which a loaded machine may take ten times as long for. */
const SILENT_AFTER_S = 180
/** A backstop for a guest that talks on without ever ending: what the scenario allows, and this. */
const PATIENCE_S = 900
/** Deadlines of the scenario are of the guest's time, and 8 times as long there. */
const DEADLINE_SCALE = 16
const CPU_POLL_MS = 500

/** Words of the program that init starts, one a line. */
const PROGRAM = ['/usr/bin/node', `/${GUEST_ROOT}/dist/cli/main.js`, 'guest-run']

/** Boots the VM and waits for its end. Throws VM_FAILED where QEMU does not start, DISK_REFUSED. */
export async function runGuest(request: GuestRequest): Promise<GuestEnd> {
  const { preparation, clock, interrupted, silentAfterS = SILENT_AFTER_S } = request
  const { spec, resultsFile } = prepare(request)
  const startedNs = clock.nowNs()
  const vm = await MicroVm.start(spec, { qemu: preparation.qemu, clock })
  const interrupt = (): void => void vm.kill()
  interrupted.addEventListener('abort', interrupt)
  if (interrupted.aborted) interrupt()
  const limitS = realLimitS(request)
  const limit = setTimeout(() => void vm.condemn('hang', `did not end within ${limitS} s`), limitS * 1000)
  const watch = new ConsoleWatch({
    path: spec.consoleFile,
    onLine: progressOfGuest(request),
    silentAfterS,
    onSilent: () => void vm.condemn('agent_silent', `said nothing on its console for ${silentAfterS} s`),
  })
  let cpuS: number | null = null
  const cpu = setInterval(() => {
    cpuS = readStat(vm.pid)?.cpuS ?? cpuS
  }, CPU_POLL_MS)
  try {
    const end = await vm.ended
    return { end, results: readResults(resultsFile), realS: secondsSince(clock, startedNs), cpuS }
  } finally {
    clearInterval(cpu)
    clearTimeout(limit)
    watch.close()
    interrupted.removeEventListener('abort', interrupt)
  }
}

function prepare({ preparation, consoleFile, scratch }: GuestRequest): { spec: VmSpec; resultsFile: string } {
  const { record, image } = preparation
  const { machine, input } = record
  const { tcgBufferMib } = input.scenario.hosts
  const [resultsFile, inputFile, programFile] = ['results', 'input', 'program'].map(name => join(scratch, name)) as [
    string,
    string,
    string,
  ]
  mkdirSync(scratch, { recursive: true, mode: 0o700 })
  // The same bytes whatever the order of the keys: reading them is a part of the run.
  writeFileSync(inputFile, canonicalJson(input))
  writeFileSync(programFile, PROGRAM.map(word => `${word}\n`).join(''))
  const spec: VmSpec = {
    name: 'vm1',
    accelerator: 'tcg',
    vcpus: 1,
    memoryMib: machine.memory_mib,
    ...(tcgBufferMib === undefined ? {} : { tcgBufferMib }),
    kernel: image.kernelPath,
    initrd: wholeInitrdOf(image),
    commandLine: machine.command_line,
    consoleFile,
    reboots: 'fault',
    fwCfg: [
      { name: INPUT_NAME, path: inputFile },
      { name: PROGRAM_NAME, path: programFile },
    ],
    deterministic: { seed: machine.seed, shift: machine.shift, epoch: machine.epoch, resultsFile },
  }
  return { spec, resultsFile }
}

function realLimitS({ preparation }: GuestRequest): number {
  const { run, faults } = preparation.record.input.scenario
  return PATIENCE_S + run.holdS + DEADLINE_SCALE * (run.deadlineS * (1 + faults.length) + run.teardownDeadlineS)
}

/** Takes the console's lines; times are this machine's, for that is what its user waits. */
function progressOfGuest({ preparation, clock, onProgress }: GuestRequest): (line: string) => void {
  const { holdS } = preparation.record.input.scenario.run
  let phase = { name: '', guestS: 0, realNs: 0n }
  return line => {
    const said = parseProgressLine(line)
    if (said === null) return
    if (said.phase !== phase.name) phase = { name: said.phase, guestS: said.guestS, realNs: clock.nowNs() }
    const realS = secondsSince(clock, phase.realNs)
    const heldS = Math.min(Math.floor(said.guestS - phase.guestS), holdS)
    onProgress(
      said.phase === 'hold'
        ? progressOf('hold', "s of the guest's time", heldS, holdS, realS)
        : progressOf(said.phase, said.what, said.done, said.total, realS),
    )
  }
}

const HEADER_BYTES_MAX = 1024 * 1024
const NEWLINE = 0x0a

/** Null where there is not even a whole first line. */
function readResults(file: string): GuestEnd['results'] {
  const head = Buffer.alloc(HEADER_BYTES_MAX)
  try {
    const fd = openSync(file, 'r')
    const size = readSync(fd, head)
    closeSync(fd)
    const end = head.subarray(0, size).indexOf(NEWLINE)
    return { outcome: JSON.parse(head.toString('utf8', 0, end)) as GuestOutcome, file, from: end + 1 }
  } catch {
    return null
  }
}
