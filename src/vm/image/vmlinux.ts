// The kernel itself out of a bzImage. QEMU starts an ELF vmlinux through its PVH note at once, where a bzImage first
// unpacks itself under emulation: 0.1 to 0.3 s for lz4, 3 s for xz.
// Layout: the kernel's Documentation/arch/x86/boot.rst.

import { open, readFile, rm, writeFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { run } from '../../base/exec.ts'

const SETUP_SECTS = 0x1f1
const BOOT_FLAG = 0x1fe
const HEADER = 0x202
const PAYLOAD_OFFSET = 0x248
const PAYLOAD_LENGTH = 0x24c
const SECTOR_BYTES = 512
/** Boot protocol 2.08 and later say where the payload is. */
const PROTOCOL_MIN = 0x0208
const PROTOCOL = 0x206

const ELF_MAGIC = Buffer.from('\x7fELF', 'latin1')

export type Compression = 'gzip' | 'lz4' | 'xz' | 'zstd' | 'none'

const magics: readonly (readonly [Compression, Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b])],
  ['lz4', Buffer.from([0x02, 0x21, 0x4c, 0x18])],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['none', ELF_MAGIC],
]

export interface Payload {
  readonly compression: Compression
  readonly bytes: Buffer
  /** What it has to become; null where the format itself says so (gzip) or nothing is packed. */
  readonly unpackedBytes: number | null
}

/** The packed kernel of a bzImage; null where this is none, or is packed in a way not known here. */
export function payloadOf(image: Buffer): Payload | null {
  if (image.length < PAYLOAD_LENGTH + 4 || image.readUInt16LE(BOOT_FLAG) !== 0xaa55) return null
  if (image.toString('latin1', HEADER, HEADER + 4) !== 'HdrS' || image.readUInt16LE(PROTOCOL) < PROTOCOL_MIN)
    return null
  // Zero means four, for the sake of very old loaders.
  const setupBytes = ((image.readUInt8(SETUP_SECTS) || 4) + 1) * SECTOR_BYTES
  const start = setupBytes + image.readUInt32LE(PAYLOAD_OFFSET)
  const packed = image.subarray(start, start + image.readUInt32LE(PAYLOAD_LENGTH))
  const compression = magics.find(([, magic]) => packed.subarray(0, magic.length).equals(magic))?.[0]
  if (compression === undefined) return null
  if (compression === 'gzip' || compression === 'none') return { compression, bytes: packed, unpackedBytes: null }
  // The kernel's build appends the unpacked size where the format doesn't tell it; the tools would stumble over it.
  return { compression, bytes: packed.subarray(0, -4), unpackedBytes: packed.readUInt32LE(packed.length - 4) }
}

/** The tool of each format, and Debian's package that has it. */
const tools = {
  lz4: { tool: 'lz4', package: 'lz4', args: (from: string, to: string) => ['-d', '-f', '-q', from, to] },
  zstd: { tool: 'zstd', package: 'zstd', args: (from: string, to: string) => ['-d', '-f', '-q', from, '-o', to] },
  xz: { tool: 'xz', package: 'xz-utils', args: (from: string) => ['-d', '-f', '-q', '--suffix=.packed', from] },
} as const

/** What unpacks a payload, besides us: null for nothing. */
export const toolFor = (payload: Payload): { tool: string; package: string } | null =>
  payload.compression === 'gzip' || payload.compression === 'none' ? null : tools[payload.compression]

/**
 * Unpacks into `path`, by `tool` where the format needs one. Returns why that did not work, or null.
 */
export async function unpack(payload: Payload, path: string, tool: string | null): Promise<string | null> {
  if (payload.compression === 'none') await writeFile(path, payload.bytes)
  else if (payload.compression === 'gzip') await writeFile(path, gunzipSync(payload.bytes))
  else {
    const packed = `${path}.packed`
    await writeFile(packed, payload.bytes)
    const args = tools[payload.compression].args(packed, path)
    const { code, stderr } = await run(tool ?? payload.compression, args, { timeoutMs: 60_000 })
    await rm(packed, { force: true })
    if (code !== 0) return `${payload.compression} ended with ${code}: ${stderr.trim()}`
  }
  const kernel = await readFile(path)
  if (!kernel.subarray(0, 4).equals(ELF_MAGIC)) return 'what was unpacked is no ELF file'
  if (payload.unpackedBytes !== null && kernel.length !== payload.unpackedBytes) {
    return `what was unpacked has ${kernel.length} bytes, and should have ${payload.unpackedBytes}`
  }
  const file = await open(path, 'r+')
  try {
    for (const { at, bytes } of zeroEnds(kernel)) {
      const size = Buffer.alloc(8)
      size.writeBigUInt64LE(BigInt(bytes))
      await file.write(size, 0, size.length, at)
    }
  } finally {
    await file.close()
  }
  return null
}

const PAGE_BYTES = 4096
const PT_LOAD = 1
const PHDR_BYTES = 56

/**
 * Segments that end in zeros, and how many of their bytes are worth loading: what a segment's size in memory has beyond
 * that in the file is zero all the same. Debian's kernel has 11 MB of them, which QEMU would keep as long as it runs.
 * `at`: where in the file the segment's size in it stands (p_filesz). Layout: elf(5), 64 bits, little endian.
 */
export function zeroEnds(kernel: Buffer): { at: number; bytes: number }[] {
  const headers = Number(kernel.readBigUInt64LE(0x20))
  const [size, count] = [kernel.readUInt16LE(0x36), kernel.readUInt16LE(0x38)]
  const found: { at: number; bytes: number }[] = []
  for (let header = headers; header < headers + count * size && header + PHDR_BYTES <= kernel.length; header += size) {
    if (kernel.readUInt32LE(header) !== PT_LOAD) continue
    const [start, fileBytes] = [0x08, 0x20].map(field => Number(kernel.readBigUInt64LE(header + field))) as [
      number,
      number,
    ]
    if (start + fileBytes > kernel.length) continue
    let end = start + fileBytes
    while (end - PAGE_BYTES > start && isZero(kernel.subarray(end - PAGE_BYTES, end))) end -= PAGE_BYTES
    if (end - start < fileBytes) found.push({ at: header + 0x20, bytes: end - start })
  }
  return found
}

const isZero = (bytes: Buffer): boolean => bytes.equals(Buffer.alloc(bytes.length))
