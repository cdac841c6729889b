// A network segment between microVMs that the kernel switches: tap devices on a bridge, in a network namespace of its
// own (and without privileges in a user namespace of its own, which needs /dev/net/tun to be open to all, as Debian has
// it). QEMU inherits the device's descriptor and is in no namespace. Several times as fast as the runner's own switch,
// since frames of up to 64 KiB pass in one piece. A port can be cut; loss, delay and rate of what a port gets need
// netem in the host's kernel; nothing else can be had here, and is refused rather than left out.

import { accessSync, closeSync, constants } from 'node:fs'
import { NslabError } from '../base/errors.ts'
import { INTERFACE_NAME_BYTES_MAX, UNDERLAY_MTU } from '../base/limits.ts'
import { type Conditions, checkRule, partsOf, type Way } from './segment-conditions.ts'
import type { Plug, PortTotals, VmSegment } from './segment-types.ts'
import { TapKeeper } from './tap-keeper.ts'

const TUN_DEVICE = '/dev/net/tun'
const LOSS_ALL = 2 ** 32 - 1

/** What the switch in place of this segment would do. */
const SWITCH_HINT = 'hosts.network = "switch" needs no rights and has all conditions.'

export interface TapOptions {
  /** The run that it is of, for its process. */
  readonly runId?: string
  /** Of its devices and of each VM's card. UNDERLAY_MTU unless said. */
  readonly mtu?: number
}

export class TapSegment implements VmSegment {
  readonly name: string
  readonly #mtu: number
  readonly #keeper: TapKeeper
  /** Devices made, or being made. */
  readonly #ports = new Map<string, Promise<unknown>>()

  private constructor(name: string, mtu: number, keeper: TapKeeper) {
    this.name = name
    this.#mtu = mtu
    this.#keeper = keeper
  }

  /** Rejects with NOT_FIT, saying what is missing, where this user may not make one here. */
  static async make(name: string, { runId, mtu = UNDERLAY_MTU }: TapOptions = {}): Promise<TapSegment> {
    try {
      accessSync(TUN_DEVICE, constants.R_OK | constants.W_OK)
      return new TapSegment(name, mtu, await TapKeeper.start(name, mtu, runId))
    } catch (error) {
      // What the kernel refuses has a code; a bug has none.
      throw (error as NodeJS.ErrnoException).code === undefined ? error : notFit(name, error as Error)
    }
  }

  get pids(): readonly number[] {
    return [this.#keeper.pid]
  }

  async plug(port: string): Promise<Plug> {
    await this.#device(port)
    const tapFd = await this.#keeper.open(this.name, port)
    let isOpen = true
    const release = (): void => {
      if (isOpen) closeSync(tapFd)
      isOpen = false
    }
    const connect = (): void => {
      throw new Error(`${port}: a tap device has no stream`)
    }
    return { to: { tapFd }, mtu: this.#mtu, connect, release }
  }

  /**
   * {port}: cut alone. {to}: loss, delay, jitter (which reorders, as netem does) and rate, unseeded. Rejects with USAGE
   * for everything else, and with KERNEL_REFUSED (ENOENT) where the kernel has no netem.
   */
  async setConditions(way: Way, conditions: Conditions | null): Promise<void> {
    checkRule(way, conditions ?? {})
    const { port, from, to } = partsOf(way)
    const { cut = false, ...impairments } = conditions ?? {}
    const isImpaired = Object.values(impairments).some(value => value !== undefined && value !== 0)
    if (from !== undefined || (port !== undefined && isImpaired) || (to !== undefined && cut)) {
      const problem = `a tap segment can't do ${JSON.stringify(conditions)} to ${JSON.stringify(way)}`
      throw new NslabError('USAGE', { problem, hint: SWITCH_HINT })
    }
    if (port !== undefined) {
      await this.#device(port)
      await this.#keeper.ask(this.name, [cut ? 'cut' : 'join', port])
    } else if (to !== undefined) {
      await this.#device(to)
      if (isImpaired) await this.#impair(to, impairments)
      else await this.#keeper.ask(this.name, ['clear', to])
    }
  }

  async totals(): Promise<Readonly<Record<string, PortTotals>>> {
    return (await this.#keeper.ask(this.name, ['totals'])) as Readonly<Record<string, PortTotals>>
  }

  close(): Promise<void> {
    return this.#keeper.close()
  }

  async #impair(port: string, conditions: Conditions): Promise<void> {
    try {
      await this.#keeper.ask(this.name, ['impair', port, ...netemOf(conditions)])
    } catch (error) {
      if (!(error instanceof NslabError) || error.facts.errno !== 'ENOENT') throw error
      const reason = `${error.facts.reason}: this kernel has no netem (module sch_netem). ${SWITCH_HINT}`
      throw new NslabError('KERNEL_REFUSED', { ...error.facts, reason }, { cause: error })
    }
  }

  /** Makes the device of a port once; it stays while its VM comes and goes. */
  #device(port: string): Promise<unknown> {
    const known = this.#ports.get(port)
    if (known !== undefined) return known
    if (!/^[\w.-]+$/.test(port) || port.length > INTERFACE_NAME_BYTES_MAX) {
      const problem = `${JSON.stringify(port)} can't be a tap device's name`
      return Promise.reject(new NslabError('USAGE', { problem, hint: `At most ${INTERFACE_NAME_BYTES_MAX} letters.` }))
    }
    const made = this.#keeper.ask(this.name, ['port', port])
    this.#ports.set(port, made)
    made.catch(() => this.#ports.delete(port))
    return made
  }
}

const nanoseconds = (seconds = 0): number => Math.round(seconds * 1e9)

const netemOf = ({ delayS, jitterS, lossRatio = 0, rateBitsPerS = 0 }: Conditions): readonly number[] => [
  nanoseconds(delayS),
  nanoseconds(jitterS),
  Math.round(lossRatio * LOSS_ALL),
  Math.ceil(rateBitsPerS / 8),
]

function notFit(name: string, cause: Error): NslabError {
  const problems = [`segment ${name} of tap devices: ${cause.message}`, SWITCH_HINT]
  return new NslabError('NOT_FIT', { problems }, { cause })
}
