// A kernel's packed image and its modules, as an image's recipe reads them.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { run } from '../../src/base/exec.ts'
import {
  closure,
  indexModules,
  type KernelModule,
  type ModuleIndex,
  modinfo,
  modprobeFiles,
  withoutSignature,
} from '../../src/vm/image/kernel-modules.ts'
import { payloadOf, toolFor, unpack, zeroEnds } from '../../src/vm/image/vmlinux.ts'

/** A 64-bit header without segments, and bytes. */
const ELF = Buffer.concat([Buffer.from('\x7fELF', 'latin1'), Buffer.alloc(60), Buffer.alloc(5000, 'kernel ')])

/** A 64-bit ELF file with segments of these bytes, all but the last to be loaded. */
function elfSegments(segments: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(64 + 56 * segments.length)
  head.write('\x7fELF', 'latin1')
  head.writeBigUInt64LE(64n, 0x20)
  head.writeUInt16LE(56, 0x36)
  head.writeUInt16LE(segments.length, 0x38)
  let start = head.length
  for (const [index, { length }] of segments.entries()) {
    const at = 64 + 56 * index
    head.writeUInt32LE(index < segments.length - 1 ? 1 : 4, at)
    head.writeBigUInt64LE(BigInt(start), at + 0x08)
    head.writeBigUInt64LE(BigInt(length), at + 0x20)
    head.writeBigUInt64LE(BigInt(length), at + 0x28)
    start += length
  }
  return Buffer.concat([head, ...segments])
}

t.test('zeros at the end of what is loaded are not', async t => {
  const [code, zeros] = [Buffer.alloc(5000, 'code'), Buffer.alloc(3 * 4096)]
  const kernel = elfSegments([Buffer.concat([code, zeros]), code, zeros, zeros])
  const field = (segment: number): number => 64 + 56 * segment + 0x20
  t.same(zeroEnds(kernel), [
    { at: field(0), bytes: 5000 },
    { at: field(2), bytes: 4096 },
  ])
  t.same(zeroEnds(ELF), [])
  const to = join(t.testdir({}), 'vmlinux')
  const payload = payloadOf(bzImage(gzipSync(kernel)))
  t.equal(payload && (await unpack(payload, to, null)), null)
  const lean = readFileSync(to)
  t.equal(lean.length, kernel.length)
  t.equal(lean.readBigUInt64LE(field(0)), 5000n)
  t.equal(lean.readBigUInt64LE(field(0) + 8), BigInt(5000 + 3 * 4096), 'as big in memory as before')
  t.same(zeroEnds(lean), [])
  t.same(zeroEnds(kernel.subarray(0, 100)), [], 'a file that is cut')
})

/** A bzImage of the boot protocol 2.15 whose protected-mode part is the payload, 64 bytes in. */
function bzImage(payload: Buffer, protocol = 0x020f): Buffer {
  const image = Buffer.alloc(2 * 512 + 64)
  image.writeUInt8(1, 0x1f1)
  image.writeUInt16LE(0xaa55, 0x1fe)
  image.write('HdrS', 0x202)
  image.writeUInt16LE(protocol, 0x206)
  image.writeUInt32LE(64, 0x248)
  image.writeUInt32LE(payload.length, 0x24c)
  return Buffer.concat([image, payload, Buffer.from('what follows the payload')])
}

/** As the kernel's build does where the format doesn't tell the unpacked size. */
const withSize = (packed: Buffer, bytes: number): Buffer => {
  const size = Buffer.alloc(4)
  size.writeUInt32LE(bytes)
  return Buffer.concat([packed, size])
}

t.test('a kernel is unpacked from each format', async t => {
  const folder = t.testdir({ elf: ELF })
  const elf = join(folder, 'elf')
  const packers = {
    lz4: ['lz4', ['-l', '-q', '-f', elf, `${elf}.lz4`]],
    xz: ['xz', ['--keep', '--check=crc32', elf]],
    zstd: ['zstd', ['-q', '-f', elf, '-o', `${elf}.zstd`]],
  } as const
  const payloads: Record<string, Buffer> = { gzip: gzipSync(ELF), none: ELF }
  for (const [name, [tool, args]] of Object.entries(packers)) {
    const { code } = await run(tool, args)
    if (code === 127) t.comment(`${tool} is not installed: this format is not tried`)
    else payloads[name] = withSize(readFileSync(`${elf}.${name}`), ELF.length)
  }
  for (const [name, bytes] of Object.entries(payloads)) {
    const payload = payloadOf(bzImage(bytes))
    t.equal(payload?.compression, name)
    if (payload === null) continue
    const to = join(folder, `${name}.out`)
    t.equal(await unpack(payload, to, toolFor(payload)?.tool ?? null), null, name)
    t.ok(readFileSync(to).equals(ELF), `${name}: the same bytes`)
  }
})

t.test('what is no kernel, or too old to say where its payload is, is none', async t => {
  t.equal(payloadOf(Buffer.alloc(10)), null)
  t.equal(payloadOf(Buffer.alloc(4096, 1)), null)
  t.equal(payloadOf(bzImage(gzipSync(ELF), 0x0207)), null)
  t.equal(payloadOf(bzImage(Buffer.from('an unknown format'))), null)
})

t.test('a kernel that does not unpack says why', async t => {
  const to = join(t.testdir({}), 'out')
  const text = payloadOf(bzImage(gzipSync('no ELF at all')))
  t.match(text && (await unpack(text, to, null)), /no ELF/)
  const lz4 = payloadOf(bzImage(withSize(Buffer.from([0x02, 0x21, 0x4c, 0x18, 1, 2, 3]), 9)))
  t.match(lz4 && (await unpack(lz4, to, '/nonexistent/lz4')), /lz4 ended with 127/)
})

/** A 64-bit ELF file of three sections: none, .modinfo, and their names. */
function elfModule(info: string): Buffer {
  const names = '\0.modinfo\0.shstrtab\0'
  const bodies = [Buffer.alloc(0), Buffer.from(info), Buffer.from(names)]
  const head = Buffer.alloc(64)
  head.write('\x7fELF\x02\x01', 'latin1')
  const sectionsAt = 64 + info.length + names.length
  head.writeBigUInt64LE(BigInt(sectionsAt), 0x28)
  head.writeUInt16LE(64, 0x3a)
  head.writeUInt16LE(3, 0x3c)
  head.writeUInt16LE(2, 0x3e)
  let at = 64
  const sections = bodies.map((body, index) => {
    const section = Buffer.alloc(64)
    section.writeUInt32LE([0, 1, 10][index] as number)
    section.writeBigUInt64LE(BigInt(at), 0x18)
    section.writeBigUInt64LE(BigInt(body.length), 0x20)
    at += body.length
    return section
  })
  return Buffer.concat([head, ...bodies, ...sections])
}

t.test('modules say what they need and what they answer to', async t => {
  const folder = t.testdir({ 'modules.builtin': 'kernel/fs/ext4/ext4.ko\nkernel/lib/crc-t10dif.ko\n' })
  const put = (path: string, info: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), elfModule(info))
  }
  put('kernel/net/a-link.ko', 'license=GPL\0alias=rtnl-link-a\0alias=netdev-a\0depends=base_lib,low\0')
  put('kernel/lib/base-lib.ko', 'depends=low\0')
  put('kernel/lib/low.ko', 'depends=\0')
  const index = await indexModules(folder)
  t.match(index.modules.a_link, { path: 'kernel/net/a-link.ko', depends: ['base_lib', 'low'] })
  t.same(index.builtin, ['ext4', 'crc_t10dif'])

  const { modules, missing } = closure(index, ['a-link', 'ext4', 'crc-t10dif'])
  t.same(
    modules.map(({ name }) => name),
    ['low', 'base_lib', 'a_link'],
    'each after what it needs',
  )
  t.same(missing, [], 'what is built in is not missing')
  t.same(closure(index, ['a_link', 'veth', 'veth']).missing, ['veth'])

  t.same(modprobeFiles(index, modules), {
    'modules.dep':
      'kernel/lib/base-lib.ko: kernel/lib/low.ko\n' +
      'kernel/lib/low.ko:\n' +
      'kernel/net/a-link.ko: kernel/lib/base-lib.ko kernel/lib/low.ko\n',
    'modules.alias': 'alias rtnl-link-a a_link\nalias netdev-a a_link\n',
    'modules.symbols': '',
  })
})

t.test('a module that a needed one needs, and that is not there, is missing too', async t => {
  const module: KernelModule = { name: 'a', path: 'kernel/a.ko', depends: ['gone'], aliases: [] }
  const index: ModuleIndex = { modules: { a: module }, builtin: [] }
  t.same(closure(index, ['a']).missing, ['gone'])
})

t.test('what is no ELF file says nothing of itself', async t => {
  t.equal(modinfo(Buffer.from('')).size, 0)
  t.equal(modinfo(Buffer.alloc(200)).size, 0)
})

t.test("a module's signature is cut off, and nothing else", async t => {
  const module = Buffer.from('the module itself')
  const info = Buffer.alloc(12)
  info.writeUInt32BE(300, 8)
  const signed = Buffer.concat([module, Buffer.alloc(300, 0xab), info, Buffer.from('~Module signature appended~\n')])
  t.same(withoutSignature(signed), module)
  t.same(withoutSignature(module), module)
})
