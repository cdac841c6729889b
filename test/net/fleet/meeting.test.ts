// Fleets of one machine that meet: routes come and go with them, whoever keeps the meeting place.

import { once } from 'node:events'
import { mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { planFleet } from '../../../src/addressing/fleet.ts'
import { Meeting } from '../../../src/dataplane/meeting.ts'
import { native } from '../../../src/native/addon.ts'
import type { Netns, UplinkRoute } from '../../../src/native/netns.ts'
import { descriptors, fabricRoot, ip, leaked, linkNames } from '../../fixtures/fabric.ts'
import { reaches } from '../../fixtures/reach.ts'
import type { Teardown } from '../../fixtures/teardown.ts'

function meetingPath(t: Teardown): string {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-meeting-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return join(folder, 'fleets.sock')
}

/** A fleet of five that meets others, and what it was told. */
class Guest {
  readonly told: string[] = []
  readonly root: Netns
  meeting: Meeting | null = null
  #wake: () => void = () => {}

  private constructor(root: Netns) {
    this.root = root
  }

  static async come(
    t: Teardown,
    path: string,
    name: string,
    nodeIdOffset: number,
    deadlineMs = 10_000,
  ): Promise<Guest> {
    const guest = new Guest(await fabricRoot(t))
    const spec = planFleet({
      nNodes: 5,
      nodeIdOffset,
      bridgeIp: '172.16.8.1',
      bridgeName: 'isobr0',
      mtu: 1400,
      slotByOffset: true,
    })
    const tell = (text: string): void => {
      guest.told.push(text)
      guest.#wake()
    }
    guest.meeting = await Meeting.join({
      native,
      root: guest.root,
      spec,
      fleet: name,
      path,
      deadlineMs,
      onMet: ({ fleet }) => tell(`met ${fleet}`),
      onLeft: ({ fleet }) => tell(`left ${fleet}`),
      onProblem: message => tell(`problem ${message}`),
    })
    t.teardown(() => guest.leave())
    return guest
  }

  async leave(): Promise<void> {
    await this.meeting?.close()
    this.meeting = null
  }

  async hears(text: string): Promise<void> {
    while (!this.told.includes(text)) await new Promise<void>(resolve => (this.#wake = resolve))
  }

  /** Networks it has routes to through others, sorted; waits until it has as many. */
  async routes(count: number): Promise<string[]> {
    for (;;) {
      const all = ip<{ dst: string; gateway?: string }>(this.root, '-4', 'route', 'show')
      const found = all.flatMap(({ dst, gateway }) => (gateway === undefined ? [] : [`${dst} ${gateway}`])).toSorted()
      if (found.length === count) return found
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }

  reaches(other: Guest, address: string): Promise<boolean> {
    return reaches(this.root, other.root, address)
  }
}

/** Networks of the fleets of five with ids from 1 and from 6 on, and the ways to them. */
const toFirst = ['172.16.8.2/31 198.18.0.1', '172.16.8.4/31 198.18.0.1', '172.16.8.6 198.18.0.1']
const toSecond = ['172.16.8.7 198.18.0.6', '172.16.8.8/30 198.18.0.6']

t.test('fleets that come and go are told of each other, and have routes while both are there', async t => {
  const path = meetingPath(t)
  const first = await Guest.come(t, path, 'first', 0)
  t.strictSame(await first.routes(0), [])
  const second = await Guest.come(t, path, 'second', 5)
  t.strictSame(second.told, ['met first'], 'known before it makes anything')
  t.strictSame(await second.routes(3), toFirst)
  await first.hears('met second')
  t.strictSame(await first.routes(2), toSecond)
  t.ok(await first.reaches(second, '198.18.0.6'))
  t.ok(await second.reaches(first, '198.18.0.1'))
  await second.leave()
  await first.hears('left second')
  t.strictSame(await first.routes(0), [])
})

t.test('a fleet is told of when there is a way to it', async t => {
  const path = meetingPath(t)
  const first = await Guest.come(t, path, 'first', 0)
  const { root, told } = first
  const toldThen: string[][] = []
  const addRoutes = root.addRoutes.bind(root)
  const value = async (routes: readonly UplinkRoute[]): Promise<void> => {
    toldThen.push([...told])
    await addRoutes(routes)
    toldThen.push([...told])
  }
  Object.defineProperty(root, 'addRoutes', { value })
  await Guest.come(t, path, 'second', 5)
  await first.hears('met second')
  t.strictSame(toldThen, [[], []])
})

t.test('the place passes on when its keeper ends, and nobody loses the way meanwhile', async t => {
  const path = meetingPath(t)
  const first = await Guest.come(t, path, 'first', 0)
  const second = await Guest.come(t, path, 'second', 5)
  const third = await Guest.come(t, path, 'third', 10)
  await first.leave()
  const fourth = await Guest.come(t, path, 'fourth', 15)
  await Promise.all([second.hears('met fourth'), third.hears('met fourth')])
  t.ok(await second.reaches(third, '198.18.0.11'))
  t.ok(await fourth.reaches(second, '198.18.0.6'))
  t.ok(await third.reaches(fourth, '198.18.0.16'))
  // Dead when the place passed on: found out by who comes in its stead.
  const again = await Guest.come(t, path, 'first again', 0)
  await second.hears('met first again')
  t.ok(second.told.indexOf('left first') < second.told.indexOf('met first again'))
  t.ok(await second.reaches(again, '198.18.0.1'))
  t.notOk([first, second, third, fourth, again].some(({ told }) => told.some(text => text.startsWith('problem'))))
})

t.test('a fleet that overlaps is refused, leaves nothing, and is not met by anybody', async t => {
  const path = meetingPath(t)
  const first = await Guest.come(t, path, 'first', 0)
  const before = descriptors()
  const error = { code: 'CONFIG_INVALID', message: /its ids 3 to 7 meet ids 1 to 5 of fleet first/ }
  await t.rejects(Guest.come(t, path, 'other', 2), error)
  t.strictSame(first.told, [])
  // But the root that the test made; connections end at both ends, one after the other.
  while (leaked(before).some(kind => kind !== 'net')) await new Promise(resolve => setTimeout(resolve, 10))
})

t.test('a socket left by the dead is replaced, and none is left in the end', async t => {
  const path = meetingPath(t)
  const dead = createServer()
  dead.listen(path)
  await once(dead, 'listening')
  // As a SIGKILL leaves it: the name without a listener.
  renameSync(path, `${path}.dead`)
  await new Promise(resolve => dead.close(resolve))
  renameSync(`${path}.dead`, path)
  const first = await Guest.come(t, path, 'first', 0)
  const second = await Guest.come(t, path, 'second', 5)
  t.ok(await first.reaches(second, '198.18.0.6'))
  await second.leave()
  await first.leave()
  t.strictSame(readdirSync(dirname(path)), [])
})

t.test('a place kept by somebody who knows another segment: all move there', async t => {
  const path = meetingPath(t)
  const first = await Guest.come(t, path, 'first', 0)
  const second = await Guest.come(t, path, 'second', 5)
  // Between the end of the first and the second's return somebody else has opened the place, with a new segment.
  const newcomer = Guest.come(t, path, 'newcomer', 10)
  await first.leave()
  await newcomer
  await second.hears('met newcomer')
  t.ok(await second.reaches(await newcomer, '198.18.0.11'))
  t.strictSame(linkNames(second.root), ['lo', 'uplink0'])
})

t.test('a place that does not answer is given up', async t => {
  const path = meetingPath(t)
  const silent = createServer(() => {})
  silent.listen(path)
  await once(silent, 'listening')
  t.teardown(() => silent.close())
  await t.rejects(Guest.come(t, path, 'first', 0, 200), { code: 'DEADLINE', facts: { missing: ['its answer'] } })
})

t.test('a place that can not be is named with its path', async t => {
  const path = `${meetingPath(t)}/not-a-folder/fleets.sock`
  const error = {
    code: 'KERNEL_REFUSED',
    facts: { operation: 'meet other fleets', where: path, errno: /^E(?:NOENT|ACCES)$/ },
  }
  await t.rejects(Guest.come(t, path, 'first', 0), error)
})
