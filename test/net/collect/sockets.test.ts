// The socket poller on the real kernel: what it sees, chooses, and survives.

import { execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync } from 'node:fs'
import t, { type Test } from 'tap'
import { type SlotResult, type SocketBatch, SocketPoller } from '../../../src/dataplane/collector/poller.ts'
import { native } from '../../../src/native/addon.ts'
import type { TrueSocket } from '../../../src/protocol/churn.ts'
import { descriptors } from '../../fixtures/fabric.ts'
import { type Ended, ended } from '../../fixtures/launch.ts'
import { type Made, type Populated, populated } from '../../fixtures/sockets.ts'

interface Seen {
  readonly poll: number
  readonly slot: number
  readonly cookie: string
  readonly family: 4 | 6
  readonly state: string
  readonly src: string
  readonly src_port: number
  readonly dst_port: number
}

interface Polling {
  readonly poller: SocketPoller
  readonly seen: Seen[]
  /** Polls; every namespace is whole. */
  poll(number: number, slots?: readonly number[]): Promise<SlotResult[]>
  /** Takes a namespace in. */
  add(site: Populated, made: Made): Promise<number>
}

function polling(t: Test, options?: ConstructorParameters<typeof SocketPoller>[1]): Polling {
  const seen: Seen[] = []
  const take = (batch: SocketBatch): void => {
    for (let row = 0; row < batch.count; row++)
      seen.push({ poll: batch.poll(row), slot: batch.slot(row), ...batch.facts(row, 0) })
    batch.release()
  }
  const poller = new SocketPoller(take, options)
  t.teardown(() => poller.close())
  return {
    poller,
    seen,
    poll: async (number, slots) => {
      const results = await poller.poll(number, slots)
      t.same(
        results.filter(({ incomplete }) => incomplete !== null),
        [],
      )
      return results
    },
    add: async (site, made) => {
      const { slot, identity } = await poller.add(site.fd(made), BigInt(made.cookie))
      t.equal(identity.inode, BigInt(made.inode))
      return slot
    },
  }
}

/** States that a socket of a population may be in. */
const states: Readonly<Record<TrueSocket['population'], readonly string[]>> = {
  pair: ['ESTABLISHED'],
  short: ['ESTABLISHED'],
  half_closed: ['FIN_WAIT2', 'CLOSE_WAIT'],
  time_wait: ['TIME_WAIT'],
  listener: ['LISTEN'],
}

/** A socket in few words; TIME_WAIT is another object of the kernel than the socket that was closed. */
const inShort = (is: { family: number; port: number; peer: number; cookie: string | null }): string =>
  `${is.family} ${is.port} ${is.peer} ${is.cookie ?? '-'}`
const shortOfSeen = ({ family, src_port, dst_port, cookie, state }: Seen): string =>
  inShort({ family, port: src_port, peer: dst_port, cookie: state === 'TIME_WAIT' ? null : cookie })
const shortOfTrue = ({ family, port, peer_port, cookie }: TrueSocket): string =>
  inShort({ family, port, peer: peer_port, cookie })

t.test('every socket of every population and family is seen, in its namespace, as the kernel has it', async t => {
  const site = await populated(t, 5, { pairs: 3, halfClosed: 2, timeWait: 2, listeners: 2 })
  const { seen, poll, add } = polling(t)
  const slots: number[] = []
  for (const made of site.made) slots.push(await add(site, made))
  const results = await poll(7)
  t.same(
    results.map(({ slot }) => slot),
    slots,
  )
  for (const [i, made] of site.made.entries()) {
    const here = seen.filter(({ slot }) => slot === slots[i])
    t.equal(results[i]?.rowsCount, here.length)
    const known = new Map(made.sockets.map(socket => [shortOfTrue(socket), socket]))
    t.equal(known.size, 3 * 2 + 2 * 2 + 2 + 2)
    t.same([...new Set(made.sockets.map(({ family }) => family))].sort(), [4, 6])
    t.same(
      [...known.keys()].filter(short => !here.some(socket => shortOfSeen(socket) === short)),
      [],
      'none is missing',
    )
    // Populations share listeners that are no population of their own.
    const others = here.filter(socket => socket.state !== 'LISTEN' && !known.has(shortOfSeen(socket)))
    t.same(others, [], 'and none is seen that is not there')
    for (const socket of here) {
      const population = known.get(shortOfSeen(socket))?.population
      if (population !== undefined) t.ok(states[population].includes(socket.state), `${population} ${socket.state}`)
      t.equal(socket.src, socket.family === 4 ? '127.0.0.1' : '::1')
      t.equal(socket.poll, 7)
    }
    t.equal(new Set(here.map(({ cookie }) => cookie)).size, here.length)
  }
})

t.test('the kernel chooses by state and port, from the next poll on', async t => {
  const site = await populated(t, 1, { pairs: 2, listeners: 2, timeWait: 1 })
  const { poller, seen, poll, add } = polling(t)
  const made = site.made[0] as Made
  await add(site, made)
  const chosen = async (states: string[], ports: number[]): Promise<Seen[]> => {
    seen.length = 0
    poller.setFilter({ states, ports })
    await poll(1)
    return [...seen]
  }
  const all = await chosen([], [])
  for (const names of [['LISTEN'], ['ESTABLISHED'], ['TIME_WAIT', 'LISTEN']]) {
    const some = await chosen(names, [])
    t.ok(some.length > 0)
    t.same(some.length, all.filter(({ state }) => names.includes(state)).length, names.join())
    t.ok(some.every(({ state }) => names.includes(state)))
  }
  const pair = made.sockets.find(({ population }) => population === 'pair') as TrueSocket
  const unused = Array.from({ length: 63 }, (_, i) => i + 1)
  for (const ports of [[pair.port], [...unused, pair.peer_port], unused]) {
    const some = await chosen([], ports)
    const wanted = all.filter(({ src_port, dst_port }) => ports.includes(src_port) || ports.includes(dst_port))
    t.same(some.map(shortOfSeen).sort(), wanted.map(shortOfSeen).sort(), `${ports.length} ports`)
  }
  t.equal((await chosen(['ESTABLISHED'], [pair.port])).length, 2, 'both ends of one connection')
  for (const bad of [
    { states: ['OPEN'], ports: [] },
    { states: [], ports: [0] },
    { states: [], ports: [65_536] },
    { states: [], ports: Array.from({ length: 65 }, (_, i) => i + 1) },
  ])
    t.throws(() => poller.setFilter(bad), { code: 'EINVAL' })
})

t.test('one dump for both families and one for each tell the same', async t => {
  const site = await populated(t, 1, { pairs: 4, listeners: 1 })
  const told: string[][] = []
  for (const familiesApart of [false, true]) {
    const { seen, poll, add } = polling(t, { familiesApart })
    await add(site, site.made[0] as Made)
    await poll(1)
    told.push(seen.map(shortOfSeen).sort())
  }
  t.ok((told[0]?.length ?? 0) > 0)
  t.same(told[0], told[1])
})

t.test('while sockets come and go, those that stay are seen in each poll, once', async t => {
  const site = await populated(t, 1, { pairs: 100 })
  const { seen, poll, add } = polling(t)
  const made = site.made[0] as Made
  const slot = await add(site, made)
  // Connections to a listener of its own: of each some hundred in TIME_WAIT, and always others.
  const storm = spawn(
    'nsenter',
    [
      `--net=/proc/${process.pid}/fd/${site.fd(made)}`,
      process.execPath,
      '-e',
      `const net = require('node:net')
       const server = net.createServer(socket => socket.resume().end())
       server.listen(0, '127.0.0.1', () => {
         const go = () => net.connect(server.address().port, '127.0.0.1').resume().on('close', () => setImmediate(go))
         for (let i = 0; i < 20; i++) go()
         process.stdout.write('on\\n')
       })`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  t.teardown(async () => {
    const end = ended(storm)
    storm.kill('SIGKILL')
    await end
  })
  await new Promise(resolve => storm.stdout.once('data', resolve))
  const staying = made.sockets.filter(({ population }) => population === 'pair').map(shortOfTrue)
  const others = new Set<string>()
  for (let number = 1; number <= 40; number++) {
    seen.length = 0
    await poll(number, [slot])
    const cookies = seen.map(({ cookie }) => cookie)
    if (new Set(cookies).size !== cookies.length) t.fail('a socket is two rows')
    const shorts = new Set(seen.map(shortOfSeen))
    if (staying.some(short => !shorts.has(short))) t.fail('a socket that stays was not seen')
    for (const short of shorts) if (!staying.includes(short)) others.add(short)
  }
  t.ok(others.size > 20, `${others.size} others were seen on the way`)
})

t.test('what is no namespace, or another one, is refused, and leaves nothing', async t => {
  const { poller } = polling(t)
  const netns = await native.Netns.create()
  t.teardown(() => netns.close())
  // The thread's first switch has it hold the place to come back to.
  poller.remove((await poller.add(netns.fd)).slot)
  await poller.poll(0)
  const before = descriptors()
  await t.rejects(poller.add(netns.fd, netns.identity.cookie + 1n), { code: 'ESTALE' })
  const fd = openSync('/proc/self/ns/uts', 'r')
  await t.rejects(poller.add(fd), { code: 'EINVAL' })
  closeSync(fd)
  await t.rejects(poller.add(9999), { code: 'EBADF' })
  t.throws(() => poller.add(-1), { code: 'EINVAL' })
  await t.rejects(poller.poll(-1), { code: 'EINVAL' })
  t.same(await poller.poll(1), [])
  t.same(await poller.poll(1, [4]), [
    { slot: 4, startedS: 0, endedS: 0, rowsCount: 0, doubledCount: 0, repeatedCount: 0, incomplete: 'removed' },
  ])
  t.same(descriptors(), before)
})

const threadsCount = (): number => readdirSync('/proc/self/task').length

t.test('three hundred namespaces cost a descriptor each and not one thread', async t => {
  const { poller, seen, poll } = polling(t)
  const own = await native.Netns.create()
  t.teardown(() => own.close())
  await poller.add(own.fd)
  const [threads, before] = [threadsCount(), descriptors().length]
  const slots: number[] = []
  for (let i = 0; i < 300; i++) {
    const netns = await native.Netns.create()
    const listener = await netns.openSocket({ listen: { address: '127.0.0.1', port: 5000 + i, backlog: 1 } })
    slots.push((await poller.add(netns.fd)).slot)
    // Closed but for the listener, which shows that each slot is its own namespace.
    netns.close()
    t.teardown(() => closeSync(listener))
  }
  const results = await poll(1)
  t.equal(results.length, 301)
  t.equal(threadsCount(), threads)
  t.equal(descriptors().length, before + 2 * 300, 'a listener and a netlink socket')
  t.same(
    seen.map(({ slot, src_port }) => [slot, src_port]),
    slots.map((slot, i) => [slot, 5000 + i]),
  )
  for (const slot of slots) poller.remove(slot)
  t.same((await poll(2)).length, 1)
  t.equal(descriptors().length, before + 300, 'a slot that is removed leaves nothing')
})

t.test('namespaces that are removed in the middle of a poll hold it up no longer', async t => {
  const { poller } = polling(t)
  const netns = await native.Netns.create()
  t.teardown(() => netns.close())
  const slots: number[] = []
  for (let i = 0; i < 100; i++) slots.push((await poller.add(netns.fd)).slot)
  const polled = poller.poll(1)
  for (const slot of slots.slice(50)) poller.remove(slot)
  const results = await polled
  t.equal(results.length, 100)
  const removed = results.filter(({ incomplete }) => incomplete === 'removed')
  t.ok(removed.length > 0 && removed.every(({ slot }) => slots.indexOf(slot) >= 50))
  t.equal((await poller.poll(2)).length, 50)
})

t.test('a filter that is set in the middle of a poll counts from the next dump on', async t => {
  const site = await populated(t, 1, { pairs: 2, listeners: 2 })
  const { poller, poll, add } = polling(t)
  const made = site.made[0] as Made
  const slots: number[] = []
  for (let i = 0; i < 50; i++) slots.push(await add(site, made))
  const polled = poll(1)
  poller.setFilter({ states: ['LISTEN'], ports: [] })
  const counts = (await polled).map(({ rowsCount }) => rowsCount)
  t.equal(counts.at(-1), 2)
  t.ok(counts.every(count => count === 2 || count === 6))
  t.same(
    counts,
    [...counts].sort((a, b) => b - a),
  )
})

t.test('a first poll of one namespace does not wait for a poll of all', async t => {
  const { poller } = polling(t)
  const netns = await native.Netns.create()
  t.teardown(() => netns.close())
  for (let i = 0; i < 200; i++) await poller.add(netns.fd)
  const order: string[] = []
  const all = poller.poll(1).then(() => order.push('all'))
  const { slot } = await poller.add(netns.fd)
  const one = poller.poll(2, [slot]).then(() => order.push('one'))
  await Promise.all([all, one])
  t.same(order, ['one', 'all'])
})

t.test('a reader who keeps all buffers is waited for, and gets every row', async t => {
  const site = await populated(t, 3, { listeners: 250 })
  const kept: SocketBatch[] = []
  const ports: number[] = []
  const poller = new SocketPoller(batch => kept.push(batch), { buffersCount: 1, bufferRows: 512, deadlineMs: 100 })
  t.teardown(() => poller.close())
  for (const made of site.made) await poller.add(site.fd(made))
  let over = false
  const polled = poller.poll(1).finally(() => {
    over = true
  })
  while (!over) {
    await new Promise(resolve => setTimeout(resolve, 150))
    t.ok(kept.length <= 1, 'nothing more while it is kept')
    const batch = kept.pop()
    if (batch === undefined) continue
    for (let row = 0; row < batch.count; row++) ports.push(batch.sourcePort(row))
    batch.release()
    // The buffer may be another batch's by now.
    batch.release()
  }
  const results = await polled
  t.same(
    results.map(({ rowsCount, incomplete }) => [rowsCount, incomplete]),
    site.made.map(({ sockets }) => [sockets.length, null]),
  )
  t.same(ports.sort(), site.made.flatMap(({ sockets }) => sockets.map(({ port }) => port)).sort())
})

t.test('closing cancels what goes on, at any time', async t => {
  const netns = await native.Netns.create()
  t.teardown(() => netns.close())
  const before = [threadsCount(), descriptors().length]
  let cancelled = 0
  for (let pages = 0; pages < 10; pages++) {
    const poller = new SocketPoller(batch => batch.release())
    for (let i = 0; i < 10; i++) await poller.add(netns.fd)
    const settled = Promise.allSettled([poller.poll(1), poller.poll(2), poller.add(netns.fd)])
    for (let i = 0; i < pages; i++) await new Promise(resolve => setImmediate(resolve))
    const closed = poller.close()
    await t.rejects(poller.poll(3), { code: 'EBADF' }, 'at once')
    await Promise.all([closed, poller.close()])
    for (const end of await settled) {
      if (end.status === 'fulfilled') continue
      t.match(end.reason, { code: 'ECANCELED' })
      cancelled++
    }
    await poller.close()
    await t.rejects(poller.poll(3), { code: 'EBADF' })
  }
  t.ok(cancelled > 0)
  t.same([threadsCount(), descriptors().length], before)
})

t.test('a process may end in the middle of a poll', async t => {
  const program = `
    import { native } from ${JSON.stringify(new URL('../../../src/native/addon.ts', import.meta.url).href)}
    const poller = new native.DiagPoller(() => {})
    const netns = await native.Netns.create()
    for (let i = 0; i < 20; i++) await poller.add(netns.fd)
    poller.poll(1)
    setTimeout(() => process.exit(0), 3)`
  const options = ['--import', 'tsx', '--input-type=module', '-e', program]
  const { code, signal, err }: Ended = await ended(
    spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'pipe'] }),
  )
  t.same([code, signal, err], [0, null, ''])
})

t.test('without a descriptor left, a namespace is refused and the others are polled', async t => {
  const program = `
    import { native } from ${JSON.stringify(new URL('../../../src/native/addon.ts', import.meta.url).href)}
    const poller = new native.DiagPoller(() => {})
    const netns = await native.Netns.create()
    let slots = 0
    let code = ''
    for (; code === '' && slots < 200; slots++) await poller.add(netns.fd).catch(error => (code = error.code))
    const { length } = await poller.poll(1)
    await poller.close()
    console.log(code, length / 8 === slots - 1)`
  const node = `exec '${process.execPath}' --import tsx --input-type=module -e "$0"`
  const child = spawn('sh', ['-c', `ulimit -n 100; ${node}`, program], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.match(await ended(child), { code: 0, out: 'EMFILE true', err: '' })
})

t.test('what ss shows of a namespace is what the poller sees', async t => {
  const site = await populated(t, 1, { pairs: 3, halfClosed: 1, timeWait: 1, listeners: 1 })
  const { seen, poll, add } = polling(t)
  const made = site.made[0] as Made
  await add(site, made)
  const net = `--net=/proc/${process.pid}/fd/${site.fd(made)}`
  const lines = execFileSync('nsenter', [net, 'ss', '-tanH'], { encoding: 'utf8' }).trim().split('\n')
  await poll(1)
  const portOf = (endpoint = ''): number => Number(endpoint.split(':').at(-1)?.replace('*', '0'))
  t.same(
    seen.map(({ src_port, dst_port }) => `${src_port} ${dst_port}`).sort(),
    lines
      .map(line => line.split(/\s+/))
      .map(([, , , local, peer]) => `${portOf(local)} ${portOf(peer)}`)
      .sort(),
  )
})
