// Whole runs in one VM that counts instructions: the same to the bit each time, repeated and compared.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { RECORD_NAME, type Speed } from '../../src/lab/deterministic/record.ts'
import { judgeFolder } from '../../src/report/render.ts'
import { imageFor } from '../../src/vm/image/build.ts'
import { type Ended, NslabProcess } from '../fixtures/nslab-process.ts'

/** One for all: what is compiled may be changed while this runs. */
const image = await imageFor('fleet', { onStep: step => t.comment(step) })
const imageFile = join(image.folder, 'image.json')
const folder = mkdtempSync(join(tmpdir(), 'nslab-deterministic-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

/** As a user does it; most of the minute is idle. */
async function run(name: string, ...args: string[]): Promise<Ended> {
  const ring = ['ring', '--nodes', '5', '--deterministic', '--duration', '1m', '--image', imageFile]
  return new NslabProcess(['run', ...ring, '--out', join(folder, name), ...args]).ended
}

const replay = (name: string, ...args: string[]): Promise<Ended> =>
  new NslabProcess(['replay', join(folder, name), ...args]).ended

/** Passes; else all that it said is shown. */
function passes(t: Test, { code, stdout, stderr }: Ended): void {
  if (!t.equal(code, 0)) t.comment(stdout + stderr)
}

const digestOf = ({ stdout }: Ended): string | undefined => /digest ([0-9a-f]{64})/.exec(stdout)?.[1]

t.test('a run gives the same bytes again, and says which machine it was', async t => {
  const first = await run('first')
  passes(t, first)
  t.match(digestOf(first), String, 'it says its digest')
  const { report } = judgeFolder(join(folder, 'first'))
  t.match(report, { verdict: 'pass', level: 'tcg', seed: 1, environment: { accelerator: /^tcg \(QEMU \d/ } })
  t.match(report.notes.join('\n'), /^deterministic: .* seed 1, image [0-9a-f]{12} and QEMU \d/)
  const speed = JSON.parse(readFileSync(join(folder, 'first/speed.json'), 'utf8')) as Speed
  t.ok(speed.guest_s > 60, `${speed.guest_s} s of the guest's time`)
  t.ok(speed.guest_busy_s < speed.guest_s / 2)

  const again = await replay('first', '--out', join(folder, 'again'))
  passes(t, again)
  t.match(again.stdout, `EQUAL  all 15 files: digest ${digestOf(first)}`)
  t.equal(digestOf(again), digestOf(first))
})

t.test('a folder that was tampered with is told from its repetition, by file and line', async t => {
  cpSync(join(folder, 'first'), join(folder, 'tampered'), { recursive: true })
  const events = join(folder, 'tampered/events.ndjson')
  const lines = readFileSync(events, 'utf8').split('\n')
  lines[20] = (lines[20] ?? '').replace('{', '{"forged":true,')
  writeFileSync(events, lines.join('\n'))
  const { code, stdout } = await replay('tampered', '--out', join(folder, 'repeated'))
  t.equal(code, 1)
  t.match(
    stdout,
    /DIFFERENT {2}events\.ndjson, line 21\n.*forged.*\n.*\n.*1 of 15 files differ: events\.ndjson \(changed/,
  )
})

t.test('another seed is another run', async t => {
  const other = await run('other', '--seed', '2')
  passes(t, other)
  t.match(other.stdout, /deterministic, seed 2: digest/)
  t.not(digestOf(other), JSON.parse(readFileSync(join(folder, 'first', RECORD_NAME), 'utf8')).digest)
  const nodes = (name: string): unknown => judgeFolder(join(folder, name)).report.metrics.ring_hops_count
  t.equal(nodes('other'), nodes('first'))
})

t.test('what can not be repeated is refused before a VM is on, and why is said', async t => {
  const record = join(folder, 'first', RECORD_NAME)
  const text = readFileSync(record, 'utf8')
  t.teardown(() => writeFileSync(record, text))
  writeFileSync(record, text.replaceAll(/"qemu_version": "[^"]+"/g, '"qemu_version": "1.2.3"'))
  const qemu = await replay('first')
  t.equal(qemu.code, 5)
  t.match(qemu.stderr, /can't be repeated: it was run by QEMU 1\.2\.3, and here there is \d/)
  writeFileSync(record, text.replaceAll(image.digest, 'f'.repeat(64)).replace('"node": "v', '"node": "v99.'))
  const other = await replay('first', '--image', imageFile)
  t.equal(other.code, 5)
  t.match(
    other.stderr,
    new RegExp(`image ${'f'.repeat(12)}, and here there is ${image.digest.slice(0, 12)} \\(node v99`),
  )
  rmSync(record)
  const plain = await replay('first')
  t.equal(plain.code, 2)
  t.match(plain.stderr, /can't be repeated: it was not run with --deterministic/)
})
