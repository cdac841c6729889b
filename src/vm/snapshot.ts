// A VM that goes on from a saved one instead of booting. The first of its kind boots, is saved when its guest is ready,
// and every later one is a private copy on write of that: ready in a tenth of a second.

import { appendFileSync, closeSync, openSync, readFileSync, statfsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

import { systemClock } from '../base/clock.ts'
import { NslabError } from '../base/errors.ts'
import { withMachineLock } from '../base/machine-lock.ts'
import { shellWord } from '../base/shell-word.ts'
import { hostTscKhz } from './host-tsc.ts'
import { MicroVm, type StartOptions } from './microvm.ts'
import {
  discardSnapshot,
  findSnapshot,
  makeScratch,
  pruneSnapshots,
  publishSnapshot,
  type Snapshot,
  touchSnapshot,
} from './snapshot-files.ts'
import { snapshotKey } from './snapshot-key.ts'
import type { RunningVm, VmSpec } from './spec.ts'
import { endError } from './vm-end.ts'

export interface SnapshotOptions<T> extends Omit<StartOptions, 'stateFd'> {
  /** Where saved VMs of this image are: `snapshots` in its folder. */
  readonly root: string
  readonly imageDigest: string
  /**
   * Waits until a guest that has just booted can be copied: it has started what it will need, and says nothing more
   * until it is spoken to. Rejects where it can't; it may leave the VM on.
   */
  readonly makeReady: (vm: RunningVm) => Promise<void>
  /** Makes a VM usable. Where it rejects for a restored one, the saved VM is thrown away and the same is booted. */
  readonly open: (vm: RunningVm, how: 'restored' | 'booted') => Promise<T>
  /** Why a VM boots that should have been restored. */
  readonly onNotice: (text: string) => void
  /** Nobody wants the VM any more: none is saved, none boots in place of one that could not be restored. */
  readonly signal?: AbortSignal
  /** How long another process may take to save the VM that this one waits for. */
  readonly saveLimitMs: number
}

export interface Started<T> {
  readonly vm: RunningVm
  readonly how: 'restored' | 'booted'
  readonly opened: T
}

/** A few hundred KB: milliseconds. */
const STATE_LIMIT_MS = 30_000
const POLL_MS = 5

/**
 * Starts a VM in the fastest way: from a saved one, which is made where there is none. Where that can't be done it
 * boots, and `onNotice` is told why; one with a disk of its own always boots. Throws what booting throws (of the VM
 * that was to be saved, too), what `open` throws for a booted VM, and the signal's reason.
 */
export async function startFast<T>(spec: VmSpec, options: SnapshotOptions<T>): Promise<Started<T>> {
  const { clock = systemClock, onNotice, signal } = options
  const saved = hasOwnDisk(spec) ? Promise.resolve(null) : ensureSnapshot(spec, options)
  const snapshot = await saved.catch((error: unknown) => {
    signal?.throwIfAborted()
    if (!isAvoidable(error) || error.code === 'VM_FAILED') throw error
    onNotice(`${spec.name} boots, because no VM of its kind can be saved: ${error.message}`)
    return null
  })
  if (snapshot !== null) {
    try {
      touchSnapshot(snapshot, clock.wallDate())
      return await startRestored(spec, snapshot, options)
    } catch (error) {
      signal?.throwIfAborted()
      if (!isAvoidable(error)) throw error
      discardSnapshot(snapshot)
      onNotice(`${spec.name} boots, because it can't be restored: ${error.message}`)
    }
  }
  signal?.throwIfAborted()
  const vm = await MicroVm.start(spec, options)
  return { vm, how: 'booted', opened: await options.open(vm, 'booted') }
}

/** What a saved guest remembers of a disk is no longer true when the disk was written to. */
const hasOwnDisk = ({ disks = [] }: VmSpec): boolean => disks.some(({ readOnly }) => !readOnly)

/** Whether booting may still succeed. */
const isAvoidable = (error: unknown): error is NslabError => error instanceof NslabError && error.code !== 'INTERRUPTED'

async function startRestored<T>(spec: VmSpec, snapshot: Snapshot, options: SnapshotOptions<T>): Promise<Started<T>> {
  const vm = await restore(spec, snapshot, options)
  try {
    return { vm, how: 'restored', opened: await options.open(vm, 'restored') }
  } catch (error) {
    await vm.kill()
    throw error
  }
}

/** The saved VM of this kind, found or made. Throws NslabErrors where it can't be made. */
async function ensureSnapshot<T>(spec: VmSpec, options: SnapshotOptions<T>): Promise<Snapshot> {
  const { root, imageDigest, qemu, onNotice, signal } = options
  const key = snapshotKey(spec, { imageDigest, qemu, tscKhz: hostTscKhz() })
  const find = (): Snapshot | null =>
    findSnapshot(root, key, reason => onNotice(`the saved VM ${key} was thrown away: ${reason}`))
  const found = find()
  if (found !== null) return found
  // One process makes it, the others wait and take it.
  return withMachineLock(
    `snapshot ${root}/${key}`,
    options.saveLimitMs,
    async () => find() ?? (await save(spec, key, options)),
    signal,
  )
}

/** Boots a VM as `spec` says, saves it when its guest is ready, and ends it. */
async function save<T>(spec: VmSpec, key: string, options: SnapshotOptions<T>): Promise<Snapshot> {
  const { root, qemu, makeReady, signal } = options
  signal?.throwIfAborted()
  const scratch = onDisk(root, () => makeScratch(root, key))
  try {
    requireSpace(root, spec.memoryMib)
    const template: VmSpec = {
      ...spec,
      consoleFile: scratch.consolePath,
      memoryFile: { path: scratch.memoryPath, access: 'shared' },
      reboots: 'fault',
    }
    const vm = await MicroVm.start(template, { qemu })
    const giveUp = (): void => void vm.kill()
    signal?.addEventListener('abort', giveUp)
    try {
      await Promise.race([makeReady(vm), vm.ended.then(end => Promise.reject(endError(spec.name, end)))])
      await vm.stop()
      await writeState(vm, scratch.statePath)
    } finally {
      signal?.removeEventListener('abort', giveUp)
      await vm.kill()
    }
    const snapshot = onDisk(root, () => publishSnapshot(scratch, root))
    pruneSnapshots(root)
    return snapshot
  } catch (error) {
    keepConsole(scratch, spec)
    discardSnapshot(scratch)
    throw error
  }
}

/** What a guest said that could not be saved comes first in the console of the VM that boots instead, if one does. */
function keepConsole(scratch: Snapshot, { consoleFile }: VmSpec): void {
  try {
    appendFileSync(consoleFile, readFileSync(scratch.consolePath))
  } catch {
    // The error that is on its way says more.
  }
}

/** Has QEMU write the devices' state; the memory is in its file already. QMP takes no descriptor by number here. */
async function writeState(vm: MicroVm, path: string): Promise<void> {
  await leaveMemoryOut(vm)
  await vm.qmp.execute('migrate', { uri: `exec:cat > ${shellWord(path)}` }, STATE_LIMIT_MS)
  await migrated(vm, 'saving its state')
}

/** Has QEMU read it, and the processors run. */
async function readState(vm: MicroVm): Promise<void> {
  await leaveMemoryOut(vm)
  await vm.qmp.execute('migrate-incoming', { uri: `fd:${vm.restoredFd}` }, STATE_LIMIT_MS)
  await migrated(vm, 'reading its state')
  await vm.cont()
}

async function migrated(vm: MicroVm, operation: string): Promise<void> {
  const deadline = performance.now() + STATE_LIMIT_MS
  for (;;) {
    const answer = await vm.qmp.execute('query-migrate', {}, STATE_LIMIT_MS)
    const { status, 'error-desc': said } = answer as { status?: string; 'error-desc'?: string }
    if (status === 'completed') return
    const late = performance.now() > deadline
    if (status === 'failed' || status === 'cancelled' || late) {
      const reason = said ?? (late ? 'it took too long' : status)
      throw new NslabError('VM_REFUSED', { vm: vm.name, operation, reason })
    }
    await pause(POLL_MS)
  }
}

/** Memory shared with a file is then no part of the state; both sides must have said so. */
const leaveMemoryOut = (vm: MicroVm): Promise<unknown> =>
  vm.qmp.execute(
    'migrate-set-capabilities',
    { capabilities: [{ capability: 'x-ignore-shared', state: true }] },
    STATE_LIMIT_MS,
  )

/** Starts a private copy; resolves when it runs. Throws what QEMU says of a state that it can't read. */
async function restore<T>(spec: VmSpec, snapshot: Snapshot, options: SnapshotOptions<T>): Promise<MicroVm> {
  const fd = onDisk(snapshot.statePath, () => openSync(snapshot.statePath, 'r'))
  try {
    // The console's text from its first byte on: that of the boot is the saved VM's.
    onDisk(spec.consoleFile, () => appendFileSync(spec.consoleFile, readFileSync(snapshot.consolePath)))
    const copy: VmSpec = { ...spec, memoryFile: { path: snapshot.memoryPath, access: 'private' } }
    const vm = await MicroVm.start(copy, { ...options, stateFd: fd })
    try {
      await readState(vm)
      return vm
    } catch (error) {
      // What QEMU says when it ends over a state that it can't read is better than that it is gone.
      if (vm.qmp.isClosed) throw endError(spec.name, await vm.ended)
      await vm.kill()
      throw error
    }
  } finally {
    closeSync(fd)
  }
}

/** Guest memory in a file with no room ends QEMU by SIGBUS, so the room must be there. */
function requireSpace(root: string, memoryMib: number): void {
  const { bavail, bsize } = statfsSync(root)
  const freeMib = Math.floor((bavail * bsize) / 2 ** 20)
  if (freeMib > memoryMib) return
  throw new NslabError('DISK_REFUSED', { path: root, reason: `${freeMib} MiB free, a saved VM may take ${memoryMib}` })
}

/** What the file system refuses, as DISK_REFUSED. */
function onDisk<T>(path: string, action: () => T): T {
  try {
    return action()
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message
    throw new NslabError('DISK_REFUSED', { path, reason }, { cause: error })
  }
}
