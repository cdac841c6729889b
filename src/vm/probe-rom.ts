// The program of the KVM probe, as a firmware image: goes from reset to 64-bit mode with paging, and computes there.

/** A ROM ends at 4 GiB, where the processor starts. */
const ROM_BYTES = 0x1_0000
/** Where the program begins in the ROM: its address is 0xffff0000 more. */
const START = 0xfe00
/** The instruction that a reset executes first. */
const RESET_VECTOR = 0xfff0

/** QEMU's isa-debug-exit ends with (v << 1) | 1 when v is written to this port. */
export const EXIT_PORT = 0xf4
/** QEMU's exit status when the sum was right. */
export const STATUS_RIGHT = (0x2a << 1) | 1
/** QEMU's exit status when the processor computed something else. */
export const STATUS_WRONG = (0x01 << 1) | 1

/**
 * Adds the numbers from `iterations` down to 1 in three instructions each, compares the sum in 64 bits, and leaves by
 * EXIT_PORT. The loop runs in RAM, at an address that only four levels of page tables lead to.
 */
export function probeRom(iterations: number): Buffer {
  const rom = Buffer.alloc(ROM_BYTES)
  program(iterations).copy(rom, START)
  // jmp START, from the end of its own three bytes.
  rom[RESET_VECTOR] = 0xe9
  rom.writeUInt16LE((START - (RESET_VECTOR + 3)) & 0xffff, RESET_VECTOR + 1)
  return rom
}

/** The bytes of the program; an address in it is 0xfffffe00 + its offset. */
function program(iterations: number): Buffer {
  const sum = (BigInt(iterations) * (BigInt(iterations) + 1n)) / 2n
  const parts = [
    // 0x00, real mode: lgdt [cs:0xfef0]; set CR0.PE; jmp 0x08:prot
    'fa 2e660f0116f0fe 0f20c0 0c01 0f22c0 66ea18feffff0800',
    // 0x18, protected mode: ds = es = flat
    '66b81000 8ed8 8ec0',
    // level 4 at 0x1000: entries 0 and 256 (0xffff800000000000) -> 0x2000
    'c7050010000003200000 c7050018000003200000',
    // level 3 at 0x2000: 0 -> 0x3000, 3 (the fourth GiB) -> 0x4000
    'c7050020000003300000 c7051820000003400000',
    // level 2: 2 MiB at 0, and the last 2 MiB below 4 GiB, where this ROM is
    'c7050030000083000000 c705f84f00008300e0ff',
    // copy the loop (39 bytes) to 0x8000
    'bea7feffff bf00800000 b927000000 f3a4',
    // CR3 = level 4; CR4.PAE; EFER.LME; CR0.PG; jmp 0x18:long
    'b800100000 0f22d8 b820000000 0f22e0 b9800000c0 0f32 80cc01 0f30 0f20c0 0d00000080 0f22c0 ea9bfeffff1800',
    // 0x9b, 64-bit mode: jmp 0xffff800000008000
    '48b8008000000080ffff ffe0',
    // 0xa7, the loop: ecx = iterations; rax = 0; add rax, rcx; dec rcx; jnz
    `b9${uint32(iterations)} 31c0 4801c8 48ffc9 75f8`,
    // rdx = the sum; al = 0x2a where rax equals it, else 1; out; hlt for ever
    `48ba${uint64(sum)} 4839d0 b02a 7402 b001 e6f4 f4 ebfd`,
    // 0xce: to a multiple of 8
    '9090',
    // 0xd0, descriptors: none, 32-bit code, data, 64-bit code
    '0000000000000000 ffff0000009bcf00 ffff00000093cf00 ffff0000009baf00',
    // 0xf0: their limit and address
    '1f00 d0feffff',
  ]
  return Buffer.from(parts.join('').replaceAll(' ', ''), 'hex')
}

function uint32(value: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes.toString('hex')
}

function uint64(value: bigint): string {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes.toString('hex')
}
