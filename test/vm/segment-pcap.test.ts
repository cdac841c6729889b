// Captures of a port, read back by a second reader.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { lab } from '../fixtures/segment.ts'
import { BROADCAST, meet } from '../fixtures/station.ts'

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-pcap-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Payloads and times of a nanosecond pcap file. */
function readPcap(path: string): { text: string; atNs: bigint }[] {
  const file = readFileSync(path)
  const header = [file.readUInt32LE(0), file.readUInt16LE(4), file.readUInt16LE(6), file.readUInt32LE(20)]
  t.same(header, [0xa1b23c4d, 2, 4, 1], 'nanoseconds, version 2.4, Ethernet')
  const records = []
  for (let at = 24; at < file.length; ) {
    const size = file.readUInt32LE(at + 8)
    t.equal(file.readUInt32LE(at + 12), size, 'frames are whole')
    const frame = file.subarray(at + 16, at + 16 + size)
    const atNs = BigInt(file.readUInt32LE(at)) * 1_000_000_000n + BigInt(file.readUInt32LE(at + 4))
    records.push({ text: frame.toString('utf8', 14).replaceAll('\0', ''), atNs })
    at += 16 + size
  }
  return records
}

t.test('a capture has what the port sent and got, as it passed, and nothing of others', async t => {
  const path = join(folderOf(t), 'a.pcap')
  const { segment, a, b, c } = await lab(t, 3)
  await meet(a, b, c)
  const startNs = BigInt(Date.now()) * 1_000_000n
  const capture = segment.capture('a', path)
  t.throws(() => segment.capture('a', `${path}.2`), { code: 'USAGE' })
  a.send(b.mac, 'request')
  await b.hears('request')
  b.send(a.mac, 'response')
  await a.hears('response')
  b.send(c.mac, 'private')
  await c.hears('private')
  segment.setConditions({ to: 'a' }, { cut: true })
  b.send(a.mac, 'cut off')
  a.send(BROADCAST, 'to all')
  await c.hears('to all')
  await capture.stop()
  a.send(BROADCAST, 'afterwards')
  await c.hears('afterwards')
  const records = readPcap(path)
  t.same(
    records.map(({ text }) => text),
    ['request', 'response', 'to all'],
  )
  const times = [startNs - 1_000_000_000n, ...records.map(({ atNs }) => atNs), startNs + 60_000_000_000n]
  t.ok(
    times.every((time, i) => i === 0 || (times[i - 1] as bigint) <= time),
    'times are now, and rise',
  )
})

t.test('closing the segment ends its captures', async t => {
  const path = join(folderOf(t), 'a.pcap')
  const { segment, a, b } = await lab(t, 2)
  segment.capture('a', path)
  await meet(a, b)
  await segment.close()
  t.equal(readPcap(path).length, 2)
})

t.test('a capture that cannot be written says so at its end, and frames pass all the same', async t => {
  const { segment, a, b } = await lab(t, 2)
  const missing = segment.capture('a', join(folderOf(t), 'missing', 'a.pcap'))
  const full = segment.capture('b', '/dev/full')
  await meet(a, b)
  await t.rejects(missing.stop(), { code: 'DISK_REFUSED', facts: { reason: 'ENOENT' } })
  await t.rejects(full.stop(), { code: 'DISK_REFUSED', facts: { reason: 'ENOSPC' } })
  a.send(b.mac, 'and on')
  await b.hears('and on')
})
