// VMs that outlive their run, because their user wants to look at them: what is still told of them, how they are
// entered, and their end. They end with this process, by whatever cause.

import { NslabError } from '../../base/errors.ts'
import type { VmSegment } from '../../vm/segment-types.ts'
import type { RunningVm } from '../../vm/spec.ts'
import type { KeptObjects } from '../site/census-diff.ts'
import { GUEST_LAUNCHER, type Lab, type LabVm } from '../visit/lab.ts'
import { LabSocket } from '../visit/socket.ts'

export interface KeptVm {
  readonly lab: LabVm
  readonly vm: RunningVm
}

export interface KeptOptions {
  readonly vms: readonly KeptVm[]
  /** 32 hex digits. */
  readonly runId: string
  /** How long a guest may take to switch itself off. */
  readonly deadlineS: number
  /** What joins them, let go of when the last has ended. */
  readonly segment: VmSegment | null
}

/** QMP, the agent's channel, the console, and what QEMU says on standard error. */
const SOCKETS_PER_VM = 4
/** Its standard streams, and the one that descriptors come over. */
const SOCKETS_PER_HELPER = 4

export class KeptVms {
  readonly names: readonly string[]
  readonly objects: KeptObjects
  /** Resolves when the last VM has ended, and nothing of them is left. */
  readonly ended: Promise<void>
  readonly #options: KeptOptions
  readonly #on: Set<KeptVm>
  readonly #allOff: Promise<void>
  #whenServed: Promise<LabSocket | null> = Promise.resolve(null)
  #onEnd = (): void => {}

  constructor(options: KeptOptions) {
    const { vms } = options
    this.#options = options
    this.#on = new Set(vms)
    this.names = vms.map(({ vm }) => vm.name)
    const helpers = options.segment?.pids ?? []
    const sockets = vms.map(({ vm }) => SOCKETS_PER_VM + vm.nics.size)
    this.objects = {
      pids: [...vms.map(({ vm }) => vm.pid), ...helpers],
      descriptors: { socket: sockets.reduce((sum, count) => sum + count, SOCKETS_PER_HELPER * helpers.length) },
    }
    for (const kept of vms) void kept.vm.ended.then(() => this.#on.delete(kept))
    this.#allOff = Promise.all(vms.map(({ vm }) => vm.ended)).then(() => {})
    this.ended = this.#allOff.then(() => this.#close())
  }

  /** Opens the way into them; `onEnd` is called when nobody can use it any more. Throws DISK_REFUSED. */
  async serve(path: string, onEnd: () => void): Promise<void> {
    this.#onEnd = onEnd
    const opening = LabSocket.open(path, this.#lab())
    this.#whenServed = opening.catch(() => null)
    await opening
  }

  /** Ends VMs, one or all, and resolves when they have ended; says which did not end in order. */
  async stop(name: string | null, atOnce: boolean): Promise<readonly string[]> {
    const wanted = [...this.#on].filter(({ vm }) => name === null || vm.name === name)
    const words = await Promise.all(wanted.map(kept => this.#end(kept, atOnce)))
    return words.filter(word => word !== '')
  }

  async #end({ vm, lab: { channel } }: KeptVm, atOnce: boolean): Promise<string> {
    if (atOnce) {
      await vm.kill()
      return ''
    }
    const socket = await this.#whenServed
    socket?.endCommands(vm.name, 'is being stopped')
    const ask = (): void => void channel.call('power_off', {}).catch(() => {})
    const end = await vm.powerdown(ask, this.#options.deadlineS * 1000)
    return end.kind === 'guest_shutdown' ? '' : `${vm.name} ${end.words}`
  }

  #lab(): Lab {
    const vms = (): LabVm[] => [...this.#on].map(({ lab }) => lab)
    return {
      get vms() {
        return vms()
      },
      runId: this.#options.runId,
      launcher: GUEST_LAUNCHER,
      whereIs: async node_id => {
        const problem = `node ${node_id} is not there: the run is over and its fleets have ended, only its VMs were kept`
        throw new NslabError('USAGE', { problem, hint: 'In a VM itself: nslab exec --vm VM -- CMD.', node_id })
      },
      links: null,
      stop: (name, atOnce) => this.stop(name, atOnce),
    }
  }

  async #close(): Promise<void> {
    const socket = await this.#whenServed
    await socket?.close('has ended')
    await this.#options.segment?.close()
    this.#onEnd()
  }
}
