// What a guest image is: image.json (schema nslab.image/1) beside its files, and the same with the paths resolved.
// Written by the recipe in this folder, and by the Nix flake; read by whatever boots a VM.

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
  /** For QEMU's -initrd. */
  readonly initrd: string
  /** A read-only disk that holds the root; null: the root is the initrd. */
  readonly root: string | null
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
}
