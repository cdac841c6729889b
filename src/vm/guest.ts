// A guest that answers: its channel, its clock, and who it is. Made when a VM has booted or was restored.

import { randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '../base/clock.ts'
import type { Hello } from './guest-calls.ts'
import { GuestChannel, type GuestChannelOptions } from './guest-channel.ts'
import { GuestClock } from './guest-clock.ts'
import type { RunningVm } from './spec.ts'
import { endError } from './vm-end.ts'

export interface OpenGuestOptions extends Pick<GuestChannelOptions, 'onReboot' | 'onSilent' | 'silentAfterS'> {
  /** From now on; a boot that takes longer is given up by the caller. */
  readonly deadlineS: number
  /** MAC addresses by interface; those the VM was made with are left out. */
  readonly interfaces?: readonly { readonly name: string; readonly mac: string }[]
  readonly clock?: Clock
}

export interface Guest {
  readonly channel: GuestChannel
  readonly clock: GuestClock
  readonly hello: Hello
  /** s from power-on, or from the restore, to the agent's first answer. */
  readonly readyS: number
}

const SEED_BYTES = 64
const CLOCK_INTERVAL_S = 1
/** The first look at a clock: more questions, because nothing else is under way. */
const FIRST_QUESTIONS = 8

/**
 * Waits for the agent, gives the guest its identity (its VM's name, the time of day, random numbers of its own) and
 * begins to follow its clock. Throws DEADLINE, or how the VM ended.
 */
export async function openGuest(vm: RunningVm, options: OpenGuestOptions): Promise<Guest> {
  const { deadlineS, interfaces = [], clock = systemClock } = options
  const channel = new GuestChannel({
    ...options,
    vm: vm.name,
    stream: vm.ctl,
    vmEnded: vm.ended.then(end => endError(vm.name, end)),
  })
  await channel.begin(deadlineS)
  const readyS = Number(clock.nowNs() - vm.poweredOnNs) / 1e9
  return introduce(channel, { interfaces, clock }, readyS)
}

/**
 * Has a guest boot again, after its agent has written what is not on its disks yet, and is as openGuest() then: what
 * was under way in it is lost. Throws DEADLINE, or how the VM ended.
 */
export async function rebootGuest(
  guest: Guest,
  options: Pick<OpenGuestOptions, 'deadlineS' | 'interfaces' | 'clock'>,
): Promise<Guest> {
  const { deadlineS, interfaces = [], clock = systemClock } = options
  const { channel } = guest
  const startedNs = clock.nowNs()
  guest.clock.stop()
  const rebooted = channel.nextHello()
  // Nobody waits for it where the call is refused.
  rebooted.catch(() => {})
  // A boot may take longer than a guest that is up may be silent.
  const isBack = channel.excuseSilence()
  try {
    await channel.call('reboot', {})
    await channel.within(rebooted, 'reboot', deadlineS, () => {})
  } finally {
    isBack()
  }
  return introduce(channel, { interfaces, clock }, Number(clock.nowNs() - startedNs) / 1e9)
}

/** Gives the guest its identity and begins to follow its clock. */
async function introduce(
  channel: GuestChannel,
  { interfaces, clock }: Required<Pick<OpenGuestOptions, 'interfaces' | 'clock'>>,
  readyS: number,
): Promise<Guest> {
  const hello = await channel.call('identity', {
    hostname: channel.vm,
    interfaces,
    wall_ms: clock.wallDate().getTime(),
    seed: randomBytes(SEED_BYTES).toString('base64'),
  })
  const guestClock = new GuestClock(async () => BigInt((await channel.call('clock', {})).monotonic_ns), clock)
  await guestClock.measure(FIRST_QUESTIONS)
  guestClock.start(CLOCK_INTERVAL_S)
  void channel.ended.then(() => guestClock.stop())
  return { channel, clock: guestClock, hello, readyS }
}

/** Has a guest that has just booted load what calls will need, so that whoever is restored from it has it. */
export async function makeGuestReady(vm: RunningVm, deadlineS: number): Promise<void> {
  const channel = new GuestChannel({
    vm: vm.name,
    stream: vm.ctl,
    vmEnded: vm.ended.then(end => endError(vm.name, end)),
  })
  await channel.begin(deadlineS)
  await channel.call('warm', {}, deadlineS)
}
