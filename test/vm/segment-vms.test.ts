// Real VMs on both kinds of segments: they reach each other, are cut off, lose frames, die and come back.

import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { bootOn, type SegmentGuest } from '../../bench/vm-guests.ts'
import { writeToGuest } from '../../src/vm/guest-files.ts'
import { Segment } from '../../src/vm/segment.ts'
import type { VmSegment } from '../../src/vm/segment-types.ts'
import { TapSegment } from '../../src/vm/tap-segment.ts'
import { assertSums } from '../fixtures/segment.ts'

/** Whether an answer came within some seconds. */
async function reaches(from: SegmentGuest, to: SegmentGuest, seconds: number): Promise<boolean> {
  return (await from.run(['ping', '-c', '1', '-w', String(seconds), to.address])).code === 0
}

const SOON_S = 30
const NEVER_S = 2

/** Room for frames of 9,000 bytes and their headers. */
const LARGE_MTU = 9000

/** What a guest's card has, and whether it may have more. */
async function mtuOf(
  { run }: SegmentGuest,
  more: number,
): Promise<{ readonly mtu: number; readonly mayRaise: boolean }> {
  const { stdout } = await run(['cat', '/sys/class/net/eth0/mtu'])
  const { code } = await run(['/usr/bin/ip', 'link', 'set', 'eth0', 'mtu', String(more)])
  return { mtu: Number(stdout), mayRaise: code === 0 }
}

/** On a segment of LARGE_MTU: datagrams of 8,900 bytes pass, each in one frame. */
async function checkLarge(t: Test, segment: VmSegment, a: SegmentGuest, b: SegmentGuest): Promise<void> {
  for (const guest of [a, b]) t.same(await mtuOf(guest, LARGE_MTU + 1), { mtu: LARGE_MTU, mayRaise: false })
  const before = (await segment.totals())[b.name]?.sent
  const { stdout } = await a.run(['ping', '-c', '10', '-i', '0.05', '-s', String(8900 - 28), b.address])
  t.match(stdout, / 10 packets received/)
  const after = (await segment.totals())[b.name]?.sent
  const frames = (after?.frames ?? 0) - (before?.frames ?? 0)
  const bytes = (after?.bytes ?? 0) - (before?.bytes ?? 0)
  // Cut up at 1500 they are 70 frames. A guest says a word about itself now and then.
  t.ok(frames >= 10 && frames < 20 && bytes >= 10 * 8914, `${frames} frames of ${bytes} bytes`)
}

/** Boots VMs that end with the test. */
function booter(t: Test, segment: VmSegment) {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-segment-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return async (name: string, number: number): Promise<SegmentGuest> => {
    const guest = await bootOn(segment, name, number, folder)
    t.teardown(() => guest.kill())
    return guest
  }
}

/** What holds for both kinds. */
async function checkLife(t: Test, segment: VmSegment, a: SegmentGuest, b: SegmentGuest): Promise<void> {
  t.ok(await reaches(a, b, SOON_S), 'they reach each other')
  await segment.setConditions({ port: 'vm1' }, { cut: true })
  t.notOk(await reaches(a, b, NEVER_S), 'a cut port reaches nobody')
  t.notOk(await reaches(b, a, NEVER_S), 'and nobody reaches it')
  await segment.setConditions({ port: 'vm1' }, null)
  t.ok(await reaches(a, b, SOON_S), 'healed')
  t.ok(await reaches(b, a, SOON_S), 'both ways')
}

t.test('two VMs on a switch: large frames, cut, healed, lossy, killed and back', async t => {
  const segment = new Segment({ name: 'lab', seed: 1, mtu: LARGE_MTU })
  t.teardown(() => segment.close())
  const boot = booter(t, segment)
  const [a, b] = (await Promise.all([boot('vm1', 1), boot('vm2', 2)])) as [SegmentGuest, SegmentGuest]
  await checkLife(t, segment, a, b)
  await checkLarge(t, segment, a, b)

  await segment.setConditions({ from: 'vm2', to: 'vm1' }, { cut: true })
  const before = segment.counters()
  t.notOk(await reaches(a, b, NEVER_S), 'answers are lost where one way is cut')
  const after = segment.counters()
  t.ok((after.vm2?.to.sent.frames ?? 0) > (before.vm2?.to.sent.frames ?? 0), 'the other way is open')
  t.ok((after.vm1?.to.dropped.cut.frames ?? 0) > (before.vm1?.to.dropped.cut.frames ?? 0))
  await segment.setConditions({ from: 'vm2', to: 'vm1' }, { lossRatio: 0.3 })
  const { stdout } = await a.run(['ping', '-c', '60', '-i', '0.05', b.address])
  const answers = Number(/(\d+) packets received/.exec(stdout)?.[1])
  t.ok(answers > 15 && answers < 60, `${answers} of 60 answers at a loss of 0.3`)
  await segment.setConditions({ from: 'vm2', to: 'vm1' }, { delayS: 0.3 })
  const slow = await a.run(['ping', '-c', '1', '-w', String(SOON_S), b.address])
  t.ok(Number(/time=([\d.]+) ms/.exec(slow.stdout)?.[1]) >= 300, slow.stdout)
  await segment.setConditions({ from: 'vm2', to: 'vm1' }, null)

  await b.kill()
  t.notOk(await reaches(a, b, NEVER_S))
  const again = await boot('vm2', 2)
  t.ok(await reaches(a, again, SOON_S), 'a VM that comes back is found')
  assertSums(t, segment.counters())
})

const mayTap = (): boolean => {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

t.test(
  'two VMs on tap devices: large frames, cut, healed, killed and back, still cut',
  { skip: !mayTap() && '/dev/net/tun' },
  async t => {
    const segment = await TapSegment.make('lab', { mtu: LARGE_MTU })
    t.teardown(() => segment.close())
    const boot = booter(t, segment)
    const [a, b] = (await Promise.all([boot('vm1', 1), boot('vm2', 2)])) as [SegmentGuest, SegmentGuest]
    await checkLife(t, segment, a, b)
    await checkLarge(t, segment, a, b)
    await segment.setConditions({ port: 'vm2' }, { cut: true })
    await b.kill()
    const again = await boot('vm2', 2)
    t.notOk(await reaches(a, again, NEVER_S), 'the port is still cut')
    await segment.setConditions({ port: 'vm2' }, null)
    t.ok(await reaches(a, again, SOON_S), 'a VM that comes back is found')
    const { vm1, vm2 } = await segment.totals()
    t.ok((vm1?.received.frames ?? 0) > 0 && (vm2?.sent.frames ?? 0) > 0, 'frames were counted')
  },
)

/** Asks nslab-tap line by line, and looks after each what the kernel says. */
const askAndLook = `
  mkfifo /tmp/asked; touch /tmp/answers
  /tmp/nslab-tap 1500 </tmp/asked >/tmp/answers 3</dev/null & exec 5>/tmp/asked
  count() { wc -l </tmp/answers; }
  ask() { said=$(count); echo "$@" >&5; while [ $(count) = $said ]; do sleep 0.05; done; }
  while [ $(count) = 0 ]; do sleep 0.05; done
  ask port p1
  for line in "$@"; do ask $line; /usr/bin/tc qdisc show dev p1; done
  cat /tmp/answers`

t.test('loss, delay and rate of a tap are netem, as a kernel that has it tells them', async t => {
  const segment = new Segment({ name: 'lab', seed: 1 })
  t.teardown(() => segment.close())
  const alone = await booter(t, segment)('vm1', 1)
  t.same(await mtuOf(alone, LARGE_MTU), { mtu: 1500, mayRaise: false }, "a segment has Ethernet's usual MTU")
  const { guest, run } = alone
  const program = fileURLToPath(new URL('../../native/build/Release/nslab-tap', import.meta.url))
  await writeToGuest(guest.channel, '/tmp/nslab-tap', readFileSync(program), 0o755)
  await run(['modprobe', 'tun'])
  const lines = ['100000000 10000000 429496729 1250000', '5000000 0 0 0', '0 0 4294967295 12500000000']
  const asked = [...lines.map(line => `impair p1 ${line}`), 'clear p1', 'clear p1']
  const { stdout } = await run(['sh', '-c', askAndLook, 'sh', ...asked])
  const [first, second, third, fourth, fifth, ...answers] = stdout.trim().split('\n')
  t.match(first, /netem .* delay 100ms +10ms loss 10% rate 10Mbit/)
  t.match(second, /netem .* delay 5ms *$/, 'what is not asked for is taken back')
  t.match(third, /netem .* loss 100% rate 100Gbit/)
  t.notMatch(fourth, /netem/)
  t.notMatch(fifth, /netem/, 'clearing twice is clearing once')
  t.same(answers, Array(asked.length + 2).fill('{"ok":true}'))
})
