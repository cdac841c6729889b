// What a guest image is: image.json (schema nslab.image/1) beside its files, and the same with the paths resolved.
// Written by the recipe in this folder, and by the Nix flake; read by whatever boots a VM.
//
// What the runner does with an image, and no more: it gives `kernel`, `initrd` and `command_line` to QEMU, and where
// there is a `root`, attaches that file read-only as the guest's first disk, /dev/vda, whose serial number is
// ROOT_SERIAL. Finding, mounting and laying something writable over it is the initrd's business.

/**
 * What an image is for. `controller` is `fleet` and PostgreSQL's programs, so it can be a whole run's single VM, too.
 */
export const imageRoles = ['fleet', 'controller'] as const
export type ImageRole = (typeof imageRoles)[number]

export const IMAGE_SCHEMA = 'nslab.image/1'

/** image.json. File names are relative to its folder. */
export interface ImageDescription {
  readonly schema: typeof IMAGE_SCHEMA
  readonly role: ImageRole
  /** For QEMU's -kernel: an ELF vmlinux with a PVH note, or a bzImage where it can't be unpacked. */
  readonly kernel: string
  /** For QEMU's -initrd. With a `root`, only what finds and mounts that. */
  readonly initrd: string
  /**
   * The file system with the root (erofs, squashfs, …: whatever the initrd mounts), as a raw file: a read-only disk;
   * null: the root is the initrd.
   */
  readonly root: string | null
  /**
   * An initrd with all of the root in it, for a VM that may have no disk: one whose instructions are counted, because
   * when a disk answers is no two times the same. Absent: `initrd` is that where `root` is null; else there is none,
   * and the image can't be run deterministically.
   */
  readonly whole_initrd?: string | undefined
  /** The words that all boots of this image have; whoever boots adds those of the accelerator and the run. */
  readonly command_line: string
  /** What it was made of, by name: `linux`, `node`, `busybox`, `nslab`, …, and `kernel_release` (uname -r). */
  readonly versions: Readonly<Record<string, string>>
  /** File name → sha256 in hex, of every file that the description names. */
  readonly digests: Readonly<Record<string, string>>
  /** Kernel modules that it carries, by name, sorted; some are loaded at boot, the others when asked for. */
  readonly modules: readonly string[]
  /** Least memory of a VM that boots and starts the agent, in MiB: what a run needs comes on top. */
  readonly memory_min_mib: number
  /** sha256 in hex over all of the above: equal digests are equal images. */
  readonly digest: string
}

/** An image on this machine whose files were found to be what the description says. */
export interface Image extends ImageDescription {
  /** Absolute. */
  readonly folder: string
  readonly kernelPath: string
  readonly initrdPath: string
  readonly rootPath: string | null
  readonly wholeInitrdPath: string | null
}

/** Serial number of the disk with the root: /sys/block/vda/serial in the guest. */
export const ROOT_SERIAL = 'nslab-root'
