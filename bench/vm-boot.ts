// An emulated guest's boot: power-on to the agent's first answer, from its disk and with all of its root in the initrd,
// beside the bare kernel whose init powers off at once. And what QEMU then takes beyond what its guest uses.

import { createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { memoryCosts } from '../src/lab/vm/machine.ts'
import { openGuest } from '../src/vm/guest.ts'
import { bootOf, wholeInitrdOf } from '../src/vm/image/boot.ts'
import { imageFor } from '../src/vm/image/build.ts'
import { cpio } from '../src/vm/image/cpio.ts'
import { Tree } from '../src/vm/image/tree.ts'
import type { Image } from '../src/vm/image/types.ts'
import { MicroVm } from '../src/vm/microvm.ts'
import type { RunningVm, VmSpec } from '../src/vm/spec.ts'
import { alternate, type BenchOptions, type Result, type Row, spreadOf } from './figures.ts'
import { theQemu } from './vm-guests.ts'

/** Emulation boots in 3 s; on a machine that is busy with other things, in 30. */
const BOOT_LIMIT_S = 120
const MEMORY_MIB = 512
/** What any kernel here is booted with; an image's words are more. */
const PLAIN_WORDS = 'console=ttyS0 quiet panic=-1'
const TICKS_PER_S = 100
const SAMPLE_MS = 5

interface Boot {
  readonly seconds: number
  /** Processor time of QEMU until then: what a busy machine changes least. */
  readonly cpu_s: number
  /** QEMU's proportional memory beyond MemTotal − MemFree, of a guest that answers. */
  readonly overhead_bytes: number | null
  /** When each phase ended, on the guest's clock. */
  readonly phases: Readonly<Record<string, number>>
}

export async function benchVmBoot({ rounds }: BenchOptions): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-vm-boot-'))
  try {
    const image = await imageFor('fleet', { onStep: step => process.stderr.write(`${step}\n`) })
    const bare = join(folder, 'bare.cpio')
    await pipeline(Readable.from(cpio(initAlone())), createWriteStream(bare))
    const consoleFile = join(folder, 'console.log')
    const spec = { ...specOf(image), consoleFile }
    const boots = await alternate(rounds, {
      'bare kernel': () => bootToEnd({ ...spec, initrd: bare, commandLine: PLAIN_WORDS }),
      "bare kernel, image's words": () => bootToEnd({ ...spec, initrd: bare }),
      'image, to its agent': () => bootToAgent(spec),
      'image without a disk': () => bootToAgent({ ...spec, initrd: wholeInitrdOf(image), disks: [] }),
    })
    const floors = boots['bare kernel'] ?? []
    const rows = Object.entries(boots).map(([name, each]) => rowOf(name, each, floors))
    return {
      bench: 'vm-boot',
      columns: Object.keys(rows[0] ?? {}),
      rows,
      data: { rows, boots },
      notes: [
        `phases of the last boot, on the guest's clock: ${JSON.stringify(boots['image, to its agent']?.at(-1)?.phases)}`,
      ],
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** init finds nothing to start, says so, and powers off. */
function initAlone(): ReturnType<Tree['entries']> {
  const tree = new Tree()
  tree.file('init', fileURLToPath(new URL('../native/build/Release/nslab-init', import.meta.url)), true)
  tree.device('dev/console', 5, 1)
  return tree.entries()
}

function specOf(image: Image): Omit<VmSpec, 'consoleFile'> {
  return {
    name: 'vm1',
    accelerator: 'tcg',
    vcpus: 1,
    memoryMib: MEMORY_MIB,
    ...bootOf(image),
    reboots: 'fault',
  }
}

async function bootToEnd(spec: VmSpec): Promise<Boot> {
  const vm = await MicroVm.start(spec, { qemu: await theQemu() })
  vm.ctl.resume()
  vm.shell.resume()
  const cpu = followCpu(vm)
  const { atNs } = await vm.ended
  const seconds = Number(atNs - vm.poweredOnNs) / 1e9
  return { seconds, cpu_s: cpu.until(seconds), overhead_bytes: null, phases: {} }
}

async function bootToAgent(spec: VmSpec): Promise<Boot> {
  const vm = await MicroVm.start(spec, { qemu: await theQemu() })
  const cpu = followCpu(vm)
  try {
    vm.shell.resume()
    const guest = await openGuest(vm, { deadlineS: BOOT_LIMIT_S })
    const { readyS, hello } = guest
    return {
      seconds: readyS,
      cpu_s: cpu.until(readyS),
      overhead_bytes: (await memoryCosts({ vm, guest })).overheadBytes,
      phases: hello.boot,
    }
  } finally {
    await vm.kill()
  }
}

/** Looks all the time: nobody can ask when QEMU is gone, and the agent's first answer is known only later. */
function followCpu({ pid, poweredOnNs, ended }: RunningVm): { until(seconds: number): number } {
  const samples: { readonly atS: number; readonly cpu_s: number }[] = []
  const sampler = setInterval(() => {
    const cpu_s = cpuOf(pid)
    if (cpu_s !== null) samples.push({ atS: Number(process.hrtime.bigint() - poweredOnNs) / 1e9, cpu_s })
  }, SAMPLE_MS)
  void ended.then(() => clearInterval(sampler))
  return { until: seconds => samples.filter(({ atS }) => atS <= seconds).at(-1)?.cpu_s ?? 0 }
}

/** s of processor time, as the kernel counts it in proc(5), fields utime and stime; null once the process is gone. */
function cpuOf(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S
  } catch {
    return null
  }
}

function rowOf(boot: string, each: readonly Boot[], floors: readonly Boot[]): Row {
  const seconds = spreadOf(each.map(({ seconds }) => seconds))
  const ratios = each.map(({ seconds }, i) => seconds / (floors[i]?.seconds ?? Number.NaN))
  const cpu = spreadOf(each.map(({ cpu_s }) => cpu_s))
  return {
    boot,
    seconds: seconds.median,
    min: seconds.min,
    max: seconds.max,
    cpu_s: cpu.median,
    to_floor_ratio: spreadOf(ratios).median,
    cpu_to_floor_ratio: cpu.median / spreadOf(floors.map(({ cpu_s }) => cpu_s)).median,
    ...overheadOf(each),
  }
}

function overheadOf(each: readonly Boot[]): Row {
  const known = each.flatMap(({ overhead_bytes }) => (overhead_bytes === null ? [] : [overhead_bytes]))
  return { overhead_mb: known.length === 0 ? '' : spreadOf(known).median / 1e6 }
}
