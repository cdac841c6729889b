// The one machine that a deterministic run is on: found or built for a scenario, or found again for a repetition.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NslabError } from '../../base/errors.ts'
import type { Scenario } from '../../config/types.ts'
import { wholeInitrdOf } from '../../vm/image/boot.ts'
import { findImage } from '../../vm/image/find.ts'
import { loadImage } from '../../vm/image/load.ts'
import type { Image, ImageRole } from '../../vm/image/types.ts'
import { installQemu } from '../../vm/install.ts'
import { requireMemory } from '../../vm/memory.ts'
import type { QemuProgram } from '../../vm/qemu-program.ts'
import { installParity, needsParity, parityGround } from '../fitness/install-parity.ts'
import { chooseLevel } from '../fitness/level.ts'
import { checkFitness, notFit } from '../fitness/limits.ts'
import { readMachine } from '../fitness/machine.ts'
import { RUN_DISK_BYTES } from '../plan/needs.ts'
import { type GuestInput, INPUT_SCHEMA } from './protocol.ts'
import type { DeterministicRecord, Machine } from './record.ts'

export interface Preparation {
  readonly record: DeterministicRecord
  readonly image: Image
  readonly qemu: QemuProgram
}

/** 8 ns an instruction: less makes waiting long, more makes timers dense; measured from 0 to 6. */
const SHIFT = 3
const EPOCH = '2026-01-01T00:00:00'
/** QEMU itself, with room for translated code. */
const QEMU_BYTES = 500e6
/** A beat is at least this far from the next, in s of the guest, and a hold has at most so many. */
const BEAT_S = 10
const BEATS_MAX = 500

/** Words for the kernel: who it is, and not to wake up twice a second, an hour of nothing long, to tidy its memory. */
const KERNEL_WORDS = ['nslab.name=vm1', 'sysctl.vm.compaction_proactiveness=0']

/**
 * What a scenario needs to be run deterministically; nothing is made but, where there is none, the image.
 * Throws USAGE, NOT_FIT, IMAGE_UNFIT, VM_TOO_SMALL.
 */
export async function prepareDeterministic(
  asked: Scenario,
  text: string,
  onStep: (step: string) => void,
  signal?: AbortSignal,
): Promise<Preparation> {
  if (asked.controller.db?.mode === 'external') {
    throw new NslabError('USAGE', {
      problem: 'controller.db is a database of this machine, and a deterministic run hears of nothing outside its VM',
      hint: 'Leave host and port out of [controller.db]: then the run gets a server of its own.',
    })
  }
  const scenario = withoutHost(asked)
  const qemu = await findOrInstallQemu(asked)
  // A server of the run's own where it is asked for; else memory, which takes half of the time.
  const role: ImageRole = asked.controller.db === null ? 'fleet' : 'controller'
  const { image: given, kernel } = asked.hosts
  if (needsParity(asked)) await installParity(parityGround(asked, true))
  const image = given === undefined ? await findImage(role, { kernel, onStep, signal }) : await loadImage(given)
  const machine: Machine = {
    image: { role: image.role, digest: image.digest, versions: image.versions },
    qemu_version: qemu.version,
    seed: scenario.seed,
    shift: SHIFT,
    epoch: EPOCH,
    memory_mib: scenario.hosts.memoryMib,
    command_line: [image.command_line, ...KERNEL_WORDS].join(' '),
  }
  const input: GuestInput = {
    schema: INPUT_SCHEMA,
    scenario,
    scenario_text: text,
    accelerator: `tcg (QEMU ${qemu.version})`,
    notes: notesOf(machine, asked),
    beat_s: Math.max(BEAT_S, scenario.run.holdS / BEATS_MAX),
  }
  const record: DeterministicRecord = {
    schema: 'nslab.deterministic/1',
    machine,
    input,
    image_file: join(image.folder, 'image.json'),
  }
  const preparation = { record, image, qemu }
  await requireRoom(preparation, asked.run.out ?? '.')
  return preparation
}

/**
 * The machine of a run that is to be repeated. Throws NOT_REPEATABLE where its image or QEMU can't be had here, naming
 * both.
 */
export async function prepareReplay(
  folder: string,
  record: DeterministicRecord,
  options: ImageChoice,
): Promise<Preparation> {
  const { machine, input } = record
  const qemu = await findOrInstallQemu(input.scenario)
  if (qemu.version !== machine.qemu_version) {
    const reason = `it was run by QEMU ${machine.qemu_version}, and here there is ${qemu.version}`
    throw new NslabError('NOT_REPEATABLE', { folder, kind: 'other_qemu', reason })
  }
  const image = await imageAgain(record, options)
  if (image.digest !== machine.image.digest) {
    const reason = `it was run with the image ${short(machine.image.digest)}, and here there is ${short(image.digest)} (${changes(machine, image)})`
    throw new NslabError('NOT_REPEATABLE', { folder, kind: 'other_image', reason })
  }
  const { schema } = record
  const image_file = join(image.folder, 'image.json')
  const preparation = { record: { schema, machine, input, image_file }, image, qemu }
  await requireRoom(preparation, '.')
  return preparation
}

interface ImageChoice {
  readonly image?: string | undefined
  readonly onStep: (step: string) => void
  /** Ends a build. */
  readonly signal?: AbortSignal | undefined
}

/** The one that was named, the run's own where it is still there, else what is built here now. */
async function imageAgain(
  { machine: { image }, image_file, input }: DeterministicRecord,
  { image: named, onStep, signal }: ImageChoice,
): Promise<Image> {
  if (named !== undefined) return loadImage(named)
  if (isImage(image_file, image.digest)) return loadImage(image_file)
  return findImage(image.role, { kernel: input.scenario.hosts.kernel, onStep, signal })
}

function isImage(file: string, digest: string): boolean {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).digest === digest
  } catch {
    return false
  }
}

/** Which versions differ; none where only nslab itself does. */
function changes({ image: { versions } }: Machine, image: Image): string {
  const names = [...new Set([...Object.keys(versions), ...Object.keys(image.versions)])].sort()
  const different = names.filter(name => versions[name] !== image.versions[name])
  if (different.length === 0) return 'the same packages with another nslab in it'
  return different.map(name => `${name} ${versions[name] ?? 'none'} → ${image.versions[name] ?? 'none'}`).join(', ')
}

export const short = (digest: string): string => digest.slice(0, 12)

/** What only means something on the machine that asks. */
function withoutHost(scenario: Scenario): Scenario {
  const { image: _, ...hosts } = scenario.hosts
  const { out: __, ...run } = scenario.run
  return { ...scenario, hosts: { ...hosts, vcpus: 1 }, run }
}

function notesOf({ image, qemu_version, seed, shift, epoch }: Machine, { hosts, run }: Scenario): string[] {
  return [
    `deterministic: one emulated processor that counts instructions, ${2 ** shift} ns each, from ${epoch} on; the same ` +
      `to the bit with seed ${seed}, image ${short(image.digest)} and QEMU ${qemu_version}. Times are the guest's own.`,
    ...(hosts.vcpus !== 1 && hosts.given.includes('vcpus')
      ? ['hosts.vcpus has no effect: one processor is counted']
      : []),
    ...(run.sampleIntervalS > 0.25 ? [`a sample every ${run.sampleIntervalS} s (run.sample_interval)`] : []),
  ]
}

async function findOrInstallQemu(scenario: Scenario): Promise<QemuProgram> {
  const { vms } = await chooseLevel(scenario, installQemu)
  if (vms === null) throw new Error('a deterministic run was given no accelerator')
  return vms.qemu
}

async function requireRoom({ record, image }: Preparation, folder: string): Promise<void> {
  wholeInitrdOf(image)
  const { scenario } = record.input
  const nodes = scenario.dataplane.nNodes
  const hasDatabase = image.versions.postgres !== undefined && image.role === 'controller'
  // Both programs, and the run's own.
  const load = { vm: 'vm1', imageMib: image.memory_min_mib, nodes, programs: 3, hasDatabase }
  requireMemory(load, record.machine.memory_mib)
  const needs = {
    descriptors_count: 0,
    neighbours_count: 0,
    namespaces_count: 0,
    memory_bytes: record.machine.memory_mib * 2 ** 20 + QEMU_BYTES,
    programs_count: 0,
    tasks_count: 0,
    disk_bytes: RUN_DISK_BYTES,
  }
  const problems = checkFitness(needs, await readMachine({ folder })).filter(({ limit }) => ROOM.has(limit))
  if (problems.length > 0) throw notFit(problems)
}

/** Of this machine's limits those that a VM meets; the rest is inside. */
const ROOM = new Set(['memory', 'disk'])
