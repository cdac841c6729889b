// Each host in a microVM of its own, joined by a segment of the runner's where there are several.

import { closeSync, rmSync } from 'node:fs'
import { mtuOf } from '../../addressing/uplinks.ts'
import { allOf } from '../../base/all-of.ts'
import { NslabError } from '../../base/errors.ts'
import type { Level } from '../../config/types.ts'
import { diskName, type HostPlan, keepsDisk } from '../../plan.ts'
import type { AcceleratorChoice } from '../../vm/accelerator.ts'
import { DISK_SERIAL, makeDisk, mountDisk } from '../../vm/disk.ts'
import { type Guest, makeGuestReady, openGuest, rebootGuest } from '../../vm/guest.ts'
import { bootOf } from '../../vm/image/boot.ts'
import { snapshotsFolder } from '../../vm/image/cache.ts'
import { findImage } from '../../vm/image/find.ts'
import { loadImage } from '../../vm/image/load.ts'
import type { Image, ImageRole } from '../../vm/image/types.ts'
import { requireMemory } from '../../vm/memory.ts'
import { MicroVm } from '../../vm/microvm.ts'
import { openSegment } from '../../vm/segment-open.ts'
import type { Plug, VmSegment } from '../../vm/segment-types.ts'
import { type Started, startFast } from '../../vm/snapshot.ts'
import type { RunningVm, VmSpec } from '../../vm/spec.ts'
import { endError } from '../../vm/vm-end.ts'
import type { KeptVms } from '../keep/vms.ts'
import type { RunContext } from '../run/context.ts'
import { DEADLINE_SCALE } from '../run/deadlines.ts'
import type { Ground, GuestFacts, HostConditions, HostFrames } from '../site/ground.ts'
import type { Site } from '../site/site.ts'
import type { LabVm } from '../visit/lab.ts'
import { CHURN_IMAGE, loadOf, roleOf } from './load.ts'
import { keepMachines, labVmOf, type Machine, memoryCosts, mostOf } from './machine.ts'
import { VmSite } from './site.ts'

/** From power-on to the agent's answer, where the processor is real. */
const BOOT_LIMIT_S = 15
/** A guest that says nothing for so long hangs; its agent's heart beats every second. */
const SILENT_AFTER_S = 10
/** The guest's one network card. */
const CARD = 'eth0'

export class VmGround implements Ground {
  readonly level: Level
  readonly accelerator: string
  readonly isHere = false
  readonly #context: RunContext
  readonly #choice: AcceleratorChoice
  readonly #machines = new Map<string, Machine>()
  /** VMs that are on, also those that do not answer yet. */
  readonly #on = new Set<RunningVm>()
  /** VMs whose agent has answered. */
  readonly #ready = new WeakSet<RunningVm>()
  /** VMs whose end is no news. */
  readonly #leaving = new WeakSet<RunningVm>()
  /** VMs that are no longer the run's. */
  readonly #kept = new WeakSet<RunningVm>()
  #images: ReadonlyMap<ImageRole, Image> = new Map()
  #segment: VmSegment | null = null
  #clockErrorS = 0

  constructor(context: RunContext, choice: AcceleratorChoice) {
    this.#context = context
    this.#choice = choice
    this.level = choice.accelerator
    this.accelerator = `${choice.accelerator} (QEMU ${choice.qemu.version})`
  }

  get sites(): readonly Site[] {
    return [...this.#machines.values()].map(({ site }) => site)
  }

  async open(): Promise<void> {
    const { hosts, scenario } = this.#context.plan
    this.#images = await this.#findImages(hosts)
    for (const host of hosts)
      requireMemory(loadOf(this.#context.plan, host, this.#imageOf(host.vm)), scenario.hosts.memoryMib)
    const uplink = hosts.find(host => host.uplink !== null)?.uplink ?? null
    if (uplink !== null)
      this.#segment = await openSegment(scenario.hosts.network, {
        name: 'underlay',
        seed: scenario.seed,
        runId: this.#context.runId,
        mtu: mtuOf(uplink),
      })
    let ready = 0
    this.#context.progress('VMs ready', ready, hosts.length)
    const boots = hosts.map(async host => {
      await this.revive(host)
      this.#context.progress('VMs ready', ++ready, hosts.length)
    })
    await allOf(boots)
  }

  siteOf(host: HostPlan): Site | null {
    return this.#machines.get(host.name)?.site ?? null
  }

  async kill(host: HostPlan): Promise<void> {
    const machine = this.#machines.get(host.name)
    if (machine === undefined) return
    this.#forget(host)
    this.#leaving.add(machine.vm)
    await machine.vm.kill()
  }

  async revive(host: HostPlan): Promise<void> {
    const { vm, how, opened: guest } = await this.#start(host)
    this.#context.tell({ kind: 'vm_ready', vm: host.vm, how, seconds: guest.readyS })
    await this.#settle(host, { vm, how, guest })
  }

  async reboot(host: HostPlan): Promise<void> {
    const machine = this.#machines.get(host.name)
    if (machine === undefined) throw new Error(`${host.vm} is not there`)
    await machine.site.end()
    const deadlineS = BOOT_LIMIT_S * DEADLINE_SCALE[this.level]
    const { clock } = this.#context
    const guest = await rebootGuest(machine.guest, { deadlineS, interfaces: cardOf(host), clock })
    this.#context.tell({ kind: 'vm_ready', vm: host.vm, how: 'rebooted', seconds: guest.readyS })
    await this.#settle(host, { ...machine, guest })
  }

  /** What its times may have been off by stays said. */
  #forget(host: HostPlan): void {
    this.#clockErrorS = this.#errorS()
    this.#machines.delete(host.name)
  }

  /** Makes a guest that answers a site of the run. */
  async #settle(host: HostPlan, { vm, how, guest }: Pick<Machine, 'vm' | 'how' | 'guest'>): Promise<void> {
    const { context, scale } = { context: this.#context, scale: DEADLINE_SCALE[this.level] }
    const { folder, plan, runId, clock, originNs } = context
    if (keepsDisk(plan, host)) await mountDisk(guest.channel, `${guest.hello.folder}/run`)
    const site = await VmSite.open({
      channel: guest.channel,
      guestClock: guest.clock,
      clock,
      runId,
      originNs,
      planPath: folder.file('plan.json'),
      console: name => {
        const file = `console/${name}.log`
        const fd = folder.openAppend(file)
        return { fd, lastWords: () => folder.lastLines(file), release: () => closeSync(fd) }
      },
      scale,
      onEvent: event => context.see(event),
      onDeed: (state, op, facts) => folder.ledger[state](op, facts),
    })
    this.#forget(host)
    this.#machines.set(host.name, { host, vm, guest, site, how, since: clock.wallDate().toISOString() })
  }

  async #start(host: HostPlan): Promise<Started<Guest>> {
    const plug = host.uplink === null ? null : ((await this.#segment?.plug(host.vm)) ?? null)
    try {
      return await this.#startOn(plug, host)
    } finally {
      plug?.release()
    }
  }

  /** Restored from a saved state, or booted. */
  async #startOn(plug: Plug | null, host: HostPlan): Promise<Started<Guest>> {
    const { context } = { context: this.#context }
    const spec = this.#specOf(host, plug)
    const image = this.#imageOf(host.vm)
    const limitS = BOOT_LIMIT_S * DEADLINE_SCALE[this.level]
    const { qemu } = this.#choice
    const open = async (vm: RunningVm): Promise<Guest> => {
      this.#welcome(vm, host, plug)
      const guest = await this.#await(vm, host, limitS)
      this.#ready.add(vm)
      return guest
    }
    for (const { path, readOnly } of spec.disks ?? []) if (!readOnly) await makeDisk(path)
    context.folder.ledger.intent('vm_start', { vm: host.vm })
    if (context.plan.scenario.hosts.cold) {
      const vm = await MicroVm.start(spec, { qemu, clock: context.clock })
      return { vm, how: 'booted', opened: await open(vm) }
    }
    return startFast(spec, {
      qemu,
      clock: context.clock,
      root: snapshotsFolder(image),
      imageDigest: image.digest,
      makeReady: vm => makeGuestReady(vm, limitS),
      open,
      onNotice: text => context.warn(text),
      signal: context.aborted,
      saveLimitMs: 2 * limitS * 1000,
    })
  }

  async setConditions(host: HostPlan, conditions: HostConditions | null): Promise<void> {
    const { loss, delayS, jitterS, cut } = conditions ?? {}
    const rule =
      conditions === null
        ? null
        : {
            ...(cut === undefined ? {} : { cut }),
            ...(loss === undefined ? {} : { lossRatio: loss }),
            ...(delayS === undefined ? {} : { delayS }),
            ...(jitterS === undefined ? {} : { jitterS }),
          }
    await this.#segment?.setConditions({ port: host.vm }, rule)
  }

  async frames(host: HostPlan): Promise<HostFrames | null> {
    const { lostFrames, delayedFrames } = (await this.#segment?.totals())?.[host.vm] ?? {}
    return lostFrames === undefined ? null : { lost: lostFrames, delayed: delayedFrames ?? 0 }
  }

  async facts(): Promise<Readonly<Record<string, number>>> {
    const machines = [...this.#machines.values()]
    const costs = await Promise.all(machines.map(memoryCosts))
    return {
      vms_count: machines.length,
      vms_restored_count: machines.filter(({ how }) => how === 'restored').length,
      vm_ready_s: Math.max(...machines.map(({ guest }) => guest.readyS)),
      ...(costs.length === 0 ? {} : mostOf(costs)),
      clock_error_s: this.#errorS(),
    }
  }

  get guests(): Readonly<Record<string, GuestFacts>> {
    return Object.fromEntries(
      [...this.#machines.values()].map(({ guest, vm, how }) => [
        vm.name,
        {
          how,
          kernel: guest.hello.versions.kernel,
          node: guest.hello.versions.node,
          cpus_count: guest.hello.cpus_count,
          memory_bytes: guest.hello.memory_total_bytes,
          image: this.#imageOf(vm.name).digest,
          boot: guest.hello.boot,
        },
      ]),
    )
  }

  hurry(): void {
    for (const vm of this.#on) {
      this.#leaving.add(vm)
      void vm.kill()
    }
  }

  get vms(): Ground['vms'] {
    return [...this.#on]
  }

  /** In the plan's order, whichever was ready first. */
  get labVms(): readonly LabVm[] {
    const { plan } = this.#context
    const machines = plan.hosts.flatMap(({ name }) => this.#machines.get(name) ?? [])
    return machines.map(machine => labVmOf(machine, plan))
  }

  async keep(): Promise<KeptVms | null> {
    const machines = [...this.#machines.values()]
    if (machines.length === 0) return null
    const { metrics } = this.#context
    if (metrics.clock_error_s !== undefined) metrics.clock_error_s = this.#errorS()
    const answering = new Set(machines.map(({ vm }) => vm))
    for (const vm of this.#on) {
      this.#leaving.add(vm)
      if (answering.has(vm)) this.#kept.add(vm)
      else await vm.kill()
    }
    this.#machines.clear()
    return keepMachines(machines, this.#context, this.#segment)
  }

  async close(deadlineS: number): Promise<readonly string[]> {
    const stragglers: string[] = []
    const { folder, plan, metrics } = this.#context
    // It was said when all was measured; later events may be off by more.
    if (metrics.clock_error_s !== undefined) metrics.clock_error_s = this.#errorS()
    const answering = new Map([...this.#machines.values()].map(({ vm, guest }) => [vm, guest]))
    await Promise.all(
      [...this.#on].map(async vm => {
        this.#leaving.add(vm)
        const guest = answering.get(vm)
        if (guest === undefined || deadlineS === 0) {
          await vm.kill()
          return
        }
        const ask = (): void => void guest.channel.call('power_off', {}).catch(() => {})
        const end = await vm.powerdown(ask, deadlineS * 1000)
        if (end.kind !== 'guest_shutdown' && end.kind !== 'killed') stragglers.push(`${vm.name} ${end.words}`)
      }),
    )
    this.#machines.clear()
    await this.#segment?.close()
    // Of use to its run alone.
    if (!plan.scenario.run.keep) for (const { vm } of plan.hosts) rmSync(folder.file(diskName({ vm })), { force: true })
    return stragglers
  }

  async #findImages(hosts: readonly HostPlan[]): Promise<ReadonlyMap<ImageRole, Image>> {
    const { hosts: asked, soak } = this.#context.plan.scenario
    const { image, kernel } = asked
    const called = soak === undefined ? undefined : CHURN_IMAGE
    const given = image === undefined ? null : await loadImage(image)
    const images = new Map<ImageRole, Image>()
    for (const role of new Set(hosts.map(host => roleOf(this.#context.plan, host)))) {
      this.#context.progress(`image for ${role}`, 0, 0)
      const onStep = (step: string): void => this.#context.progress(step, 0, 0)
      // A controller's has all that a fleet's has; a controller without PostgreSQL keeps nothing.
      if (given !== null && role === 'controller' && given.role !== role)
        this.#context.warn(`--image ${image} is of the role ${given.role}: its controller has no PostgreSQL`)
      images.set(role, given ?? (await findImage(role, { kernel, called, onStep, signal: this.#context.aborted })))
      this.#context.requireGoingOn()
    }
    return images
  }

  #imageOf(vm: string): Image {
    const host = this.#context.plan.hosts.find(each => each.vm === vm) as HostPlan
    return this.#images.get(roleOf(this.#context.plan, host)) as Image
  }

  /** A VM is on: joined to the segment, and its end is news. */
  #welcome(vm: RunningVm, host: HostPlan, plug: Plug | null): void {
    const { context } = { context: this.#context }
    context.folder.ledger.done('vm_start', { vm: host.vm, pid: vm.pid })
    this.#on.add(vm)
    const nic = vm.nics.get(0)
    if (nic !== undefined) plug?.connect(nic)
    // Nobody looks at the shell yet, and a console that is not read stops the guest.
    vm.shell.resume()
    void vm.ended.then(end => {
      this.#on.delete(vm)
      // The run is over, and its files are closed.
      if (this.#kept.has(vm)) return
      context.tell({ kind: 'vm_ended', vm: host.vm, how: end.words })
      // Why one never became ready is told by who waits for it.
      if (this.#leaving.has(vm) || !this.#ready.has(vm)) return
      this.#forget(host)
      context.abort(endError(host.vm, end))
    })
  }

  #specOf(host: HostPlan, plug: Plug | null): VmSpec {
    const { folder, plan } = this.#context
    const image = this.#imageOf(host.vm)
    const { memoryMib, vcpus, tcgBufferMib } = plan.scenario.hosts
    const disk = keepsDisk(plan, host) ? folder.file(diskName(host)) : null
    return {
      name: host.vm,
      runId: this.#context.runId,
      accelerator: this.#choice.accelerator,
      vcpus,
      memoryMib,
      ...(tcgBufferMib === undefined ? {} : { tcgBufferMib }),
      ...bootOf(image, disk === null ? [] : [{ path: disk, readOnly: false, serial: DISK_SERIAL }]),
      consoleFile: folder.file(`console/${host.vm}.log`),
      reboots: disk === null ? 'fault' : 'allowed',
      ...(host.uplink === null || plug === null
        ? {}
        : { nics: [{ mac: host.uplink.mac, to: plug.to, mtu: plug.mtu }] }),
    }
  }

  /** The guest that answers; one that does not in time is ended, and how is told. */
  async #await(vm: RunningVm, host: HostPlan, limitS: number): Promise<Guest> {
    const silentAfterS = SILENT_AFTER_S * DEADLINE_SCALE[this.level]
    const { aborted } = this.#context
    aborted.throwIfAborted()
    const giveUp = (): void => void vm.kill()
    aborted.addEventListener('abort', giveUp)
    try {
      return await openGuest(vm, {
        deadlineS: limitS,
        interfaces: cardOf(host),
        clock: this.#context.clock,
        silentAfterS,
        onSilent: silentS => {
          if (!this.#leaving.has(vm)) void vm.condemn('agent_silent', `said nothing for ${Math.round(silentS)} s`)
        },
      })
    } catch (error) {
      aborted.throwIfAborted()
      if (!(error instanceof NslabError) || error.code !== 'DEADLINE') throw error
      throw endError(host.vm, await vm.condemn('boot_deadline', `did not answer within ${limitS} s of its start`))
    } finally {
      aborted.removeEventListener('abort', giveUp)
    }
  }

  #errorS(): number {
    return Math.max(this.#clockErrorS, ...[...this.#machines.values()].map(({ site }) => site.clockErrorS))
  }
}

const cardOf = ({ uplink }: HostPlan): { readonly name: string; readonly mac: string }[] =>
  uplink === null ? [] : [{ name: CARD, mac: uplink.mac }]
