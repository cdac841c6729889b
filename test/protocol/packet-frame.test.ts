// Both codecs of a packet's frame: what one writes the other reads, and both find the same faults.

import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { Random } from '../../src/base/random.ts'
import {
  decodePacketHeader,
  encodePacketHeader,
  HOPS_MAX,
  PACKET_BYTES_MAX,
  PACKET_BYTES_MIN,
  PACKET_HEADER_BYTES,
  type PacketHeader,
} from '../../src/protocol/packet-frame.ts'

const native = fileURLToPath(new URL('../../native', import.meta.url))

t.setTimeout(200_000)

t.test('the native codec and the one in TypeScript are one', async t => {
  const seed = Number(process.env.NSLAB_TEST_SEED ?? Date.now() % 2 ** 31)
  t.comment(`NSLAB_TEST_SEED=${seed}`)
  const generator = new Random(seed)
  const random = (count: number): number => generator.below(count)
  const uint32 = (): number => 1 + random(2 ** 32 - 1)
  const anyHeader = (): PacketHeader => {
    const isGroup = random(2) === 0
    return {
      packetBytes: PACKET_BYTES_MIN + random(PACKET_BYTES_MAX - PACKET_BYTES_MIN + 1),
      source: uint32(),
      destination: uint32(),
      isGroup,
      tree: isGroup && random(2) === 0 ? random(65_536) : null,
      flow: random(2 ** 32),
      hopsLeft: random(HOPS_MAX + 1),
    }
  }
  const headers = Array.from({ length: 4000 }, anyHeader)
  const encoded = headers.map(encodePacketHeader)
  t.same(encoded.map(decodePacketHeader), headers, 'what is written is read')
  // And others, with up to three bytes anything, small numbers often: they are where the limits are.
  const damaged = encoded.map(bytes => {
    const copy = Uint8Array.from(bytes)
    for (let times = 1 + random(3); times > 0; times--) {
      copy[random(PACKET_HEADER_BYTES)] = random(2) === 0 ? random(4) : random(256)
    }
    if (random(8) === 0) copy.fill(0, 8, 12)
    if (random(8) === 0) copy[6] = 0
    return copy
  })
  const all = [...encoded, ...damaged]

  const folder = mkdtempSync(join(tmpdir(), 'nslab-frame-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const program = join(folder, 'packet-headers')
  const sources = ['test/packet_headers.cc', 'engine/packets/frame.cc'].map(source => join(native, source))
  const options = ['-std=gnu++20', '-O0', '-I', native]
  await promisify(execFile)(process.env.CXX ?? 'c++', [...options, ...sources, '-o', program])
  const input = all.map(bytes => `${Buffer.from(bytes).toString('hex')}\n`).join('')
  const output = execFileSync(program, { input, encoding: 'utf8', maxBuffer: 2 ** 26 })

  const expected = all.map(bytes => {
    const header = decodePacketHeader(bytes)
    if (typeof header === 'string') return `fault ${header}`
    const { packetBytes, source, destination, flow, hopsLeft, isGroup, tree } = header
    const flags = (isGroup ? 1 : 0) + (tree === null ? 0 : 2)
    const again = Buffer.from(encodePacketHeader(header)).toString('hex')
    return [packetBytes, source, destination, flow, hopsLeft, flags, tree ?? 0, again].join(' ')
  })
  t.same(output.trimEnd().split('\n'), expected, 'both say the same of every header')
  const faults = new Set(expected.filter(line => line.startsWith('fault')))
  t.same(
    [...faults].sort(),
    ['flags', 'kind', 'length', 'magic', 'node', 'tree', 'version'].map(f => `fault ${f}`),
  )
})
