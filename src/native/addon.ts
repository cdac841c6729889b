// The addon: the only import of the .node file.
// Everything asynchronous here runs on native threads: no Node.js thread ever changes namespace.

import { createRequire } from 'node:module'
import type { ChurnerConstructor } from './churner.ts'
import type { DiagPollerConstructor } from './diag.ts'
import type { DiscoveryConstructor } from './discovery.ts'
import type { PacketEngineConstructor } from './engine.ts'
import type { FabricConstructor } from './fabric.ts'
import type { LinksConstructor } from './links.ts'
import type { NetnsConstructor } from './netns.ts'

/** Where one thread went: the recorded switch trace, for bench/setns. `netns` numbers namespaces by first use. */
export interface SwitchTrace {
  readonly netns: Uint32Array
  readonly switches: number
  readonly skipped: number
}

export interface Addon {
  readonly Netns: NetnsConstructor
  readonly Fabric: FabricConstructor
  readonly Links: LinksConstructor
  readonly PacketEngine: PacketEngineConstructor
  readonly DiagPoller: DiagPollerConstructor
  readonly Discovery: DiscoveryConstructor
  readonly Churner: ChurnerConstructor
  /**
   * Kernel sends `signal` when the parent's spawning thread ends. Call from the main thread.
   * Fails with ESRCH when the parent is no longer `expectedParentPid`.
   */
  setParentDeathSignal(signal: number, expectedParentPid: number): void
  /**
   * execve: this process begins anew with the program `command[0]`, a path, and `environment`, of NAME=VALUE. Its pid
   * and parent stay, and of its descriptors the standard streams and `kept`. Throws what the kernel refused it with;
   * else nothing follows the call.
   */
  execute(command: readonly string[], environment: readonly string[], kept: readonly number[]): void
  /** Makes every descriptor above 2 close-on-exec but those named. */
  closeOnExec(except: readonly number[]): void
  /**
   * A pair of sockets (close-on-exec): a child that inherits one end sends descriptors over it, receiveDescriptor takes
   * them from the other. The caller owns both.
   */
  descriptorSockets(): readonly [number, number]
  /**
   * Takes the descriptor (close-on-exec, the caller's) of the next message. Throws EAGAIN where none is there yet: the
   * sender says when it is.
   */
  receiveDescriptor(socket: number): number
  /**
   * Waits until the kernel has finished removing the namespaces dropped before this call: makes a namespace, drops it,
   * and awaits its RTM_DELNSID (cleanup is one queue). Returns the seconds waited; rejects with ETIMEDOUT.
   */
  awaitNetnsCleanup(deadlineMs: number): Promise<number>
  /**
   * Mixes `seed` (1 to 4096 bytes) into the kernel's random generator and has it take a new key at once, so that guests
   * restored from one snapshot don't draw the same numbers. Needs CAP_SYS_ADMIN.
   */
  reseedRandom(seed: Buffer): void
  /** Sets CLOCK_REALTIME, in ms since the epoch. Needs CAP_SYS_TIME. */
  setWallClock(ms: number): void
  /** Switches recorded since the start of the process by all native threads. */
  switchTrace(): SwitchTrace
}

const require = createRequire(import.meta.url)

/** The addon. Built by the set-up into native/build. */
export const native: Addon = require('../../native/build/Release/nslab.node')
