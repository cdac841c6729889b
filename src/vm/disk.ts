// A disk of a guest's own: what is on it outlives the guest's reboots, and not the run.

import { closeSync, existsSync, ftruncateSync, openSync } from 'node:fs'
import { NslabError } from '../base/errors.ts'
import { run } from '../base/exec.ts'
import type { GuestChannel } from './guest-channel.ts'
import { execInGuest } from './guest-files.ts'

/** A database of some thousand rows takes 30 MB; the file is sparse. */
const DISK_BYTES = 512 * 1024 * 1024
const MAKE_LIMIT_MS = 30_000

/** Makes an empty ext4 in a raw file, where there is none yet. Throws DISK_REFUSED. */
export async function makeDisk(path: string): Promise<void> {
  if (existsSync(path)) return
  const refused = (reason: string, cause?: unknown): NslabError =>
    new NslabError('DISK_REFUSED', { path, reason }, { cause })
  try {
    const fd = openSync(path, 'wx', 0o600)
    ftruncateSync(fd, DISK_BYTES)
    closeSync(fd)
  } catch (error) {
    throw refused((error as NodeJS.ErrnoException).code ?? 'error', error)
  }
  const { PATH = '' } = process.env
  // Debian keeps it where only root looks.
  const env = { ...process.env, PATH: `${PATH}:/usr/sbin:/sbin` }
  const { code, stderr } = await run('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=1', path], {
    env,
    timeoutMs: MAKE_LIMIT_MS,
  })
  if (code !== 0) throw refused(`mkfs.ext4 ended with ${code}: ${stderr.trim() || 'is e2fsprogs installed?'}`)
}

/** Its serial number: where it stands among the guest's disks depends on the image. */
export const DISK_SERIAL = 'nslab-own'

/** Loads the driver, waits for the disk, mounts it; fsck is the journal's business. */
const MOUNT = `modprobe virtio_blk
i=0
until serial=$(grep -lx ${DISK_SERIAL} /sys/block/vd*/serial 2>/dev/null)
do i=$((i + 1)); [ $i -gt 100 ] && exit 9; sleep 0.1; done
disk=/dev/$(basename "$(dirname "$serial")")
mkdir -p "$0" && mount -t ext4 "$disk" "$0"`

/** Mounts the guest's own disk at `folder`. Throws GUEST_LOST with what the guest said where it can't be. */
export async function mountDisk(channel: GuestChannel, folder: string): Promise<void> {
  const { code, stderr } = await execInGuest(channel, ['sh', '-c', MOUNT, folder])
  if (code === 0) return
  const reason = code === 9 ? `has no disk ${DISK_SERIAL}` : `can't mount its disk: ${stderr.toString('utf8').trim()}`
  throw new NslabError('GUEST_LOST', { vm: channel.vm, reason })
}
