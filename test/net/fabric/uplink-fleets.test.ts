// Fleets on several hosts of this machine: one ring through all of them, and what becomes of it when a host is cut off
// or vanishes.

import t from 'tap'
import { Hosts } from '../../fixtures/hosts.ts'

/** Silence is noticed soon, so that tests are short; the controller's patience is its default or as said. */
const quick = { config: { peerSilenceMs: 2000 } } as const

for (const [count, crossing] of [
  [2, ['1-10', '5-6']],
  [3, ['1-15', '10-11', '5-6']],
] as const) {
  t.test(`a ring through ${count} hosts: as many links between them as the plan has, each with both ends`, async t => {
    const hosts = await Hosts.open(t, count)
    await hosts.wire()
    for (let host = 1; host <= count; host++) t.equal(hosts.linksUp(`host${host}`), 10)
    t.strictSame(await hosts.crossing(), crossing)
    const kinds = hosts.recorder.kinds().filter(kind => /refused|restarted|lost|error/.test(kind))
    t.strictSame(kinds, [], 'and nothing went wrong on the way')
  })
}

t.test('a cut between hosts is noticed at both ends of its links, and heals by itself', async t => {
  const hosts = await Hosts.open(t, 2, quick)
  await hosts.wire()
  const from = hosts.recorder.events.length
  await hosts.setCut('host2', true)
  await Promise.all([hosts.untilLinks('host1', 8), hosts.untilLinks('host2', 8)])
  await hosts.setCut('host2', false)
  await Promise.all([hosts.untilLinks('host1', 10), hosts.untilLinks('host2', 10)])
  t.strictSame(await hosts.crossing(), ['1-10', '5-6'])
  t.notOk(hosts.recorder.kinds(from).some(kind => /restarted|lost|error/.test(kind)))
})

t.test('nodes that the controller gave up during a cut come back by themselves', async t => {
  const hosts = await Hosts.open(t, 2, { ...quick, server: { pingIntervalMs: 500, sweepIntervalMs: 100 } })
  await hosts.wire()
  const from = hosts.recorder.events.length
  await hosts.setCut('host2', true)
  for (const id of [6, 7, 8, 9, 10]) {
    t.match(await hosts.recorder.until(`node_left ${id}`, from), { reason: 'does not answer' })
  }
  const healed = hosts.recorder.events.length
  await hosts.setCut('host2', false)
  await hosts.recorder.until('all_wired', healed)
  await Promise.all([hosts.untilLinks('host1', 10), hosts.untilLinks('host2', 10)])
  t.strictSame(await hosts.crossing(), ['1-10', '5-6'])
})

t.test('a host that vanishes without a word and starts again takes its ids back at once', async t => {
  const hosts = await Hosts.open(t, 3)
  await hosts.wire()
  const from = hosts.recorder.events.length
  await hosts.lose('host2')
  t.notOk(
    hosts.recorder.kinds(from).some(kind => kind.startsWith('node_left')),
    'nobody knows',
  )
  await hosts.start('host2')
  await hosts.recorder.until('all_wired', from)
  t.match(await hosts.recorder.until('node_connected 6', from), { incarnation: 2000 })
  await Promise.all(['host1', 'host2', 'host3'].map(host => hosts.untilLinks(host, 10)))
  t.strictSame(await hosts.crossing(), ['1-15', '10-11', '5-6'])
  t.notOk(hosts.recorder.kinds(from).some(kind => /node_lost|error/.test(kind)))
})

t.test('a host whose loss was noticed comes back as well', async t => {
  const hosts = await Hosts.open(t, 2, { ...quick, server: { pingIntervalMs: 500, sweepIntervalMs: 100 } })
  await hosts.wire()
  const from = hosts.recorder.events.length
  await hosts.lose('host2')
  await hosts.recorder.until('node_left', from, 5)
  await hosts.untilLinks('host1', 8)
  await hosts.start('host2')
  await hosts.recorder.until('all_wired', from)
  await Promise.all([hosts.untilLinks('host1', 10), hosts.untilLinks('host2', 10)])
  t.strictSame(await hosts.crossing(), ['1-10', '5-6'])
})

t.test('a fleet that ends in order says so to its neighbours on other hosts', async t => {
  const hosts = await Hosts.open(t, 2)
  await hosts.wire()
  const from = hosts.recorder.events.length
  await hosts.stop('host2')
  await hosts.recorder.until('node_left', from, 5)
  await hosts.untilLinks('host1', 8)
  await hosts.start('host2')
  await hosts.recorder.until('all_wired', from)
  await hosts.untilLinks('host1', 10)
})

t.test('a fleet that has no way to the controller waits for one, and makes no node again for that', async t => {
  const hosts = await Hosts.open(t, 2)
  await hosts.startController()
  await hosts.start('host1')
  await hosts.startAlone('host2')
  // Its root answers that it knows no such network: each node tries, and tries again.
  await hosts.recorder.until('node_ready 4')
  await new Promise(resolve => setTimeout(resolve, 500))
  await hosts.join('host2')
  await hosts.recorder.until('all_wired')
  t.equal(hosts.fleet('host2').facts().node_restarts_count, 0)
  t.strictSame(await hosts.crossing(), ['1-10', '5-6'])
})

t.test('a controller that is cut off costs no link, and finds its nodes again when it is back', async t => {
  const hosts = await Hosts.open(t, 2, { ...quick, server: { pingIntervalMs: 500, sweepIntervalMs: 100 } })
  await hosts.wire()
  const from = hosts.recorder.events.length
  await hosts.setCut('controller', true)
  await hosts.recorder.until('node_left', from, 10)
  for (const host of ['host1', 'host2'])
    while (hosts.fleet(host).facts().control_reconnects_count !== 5)
      await new Promise(resolve => setTimeout(resolve, 20))
  t.strictSame([hosts.linksUp('host1'), hosts.linksUp('host2')], [10, 10])
  const healed = hosts.recorder.events.length
  await hosts.setCut('controller', false)
  await hosts.recorder.until('all_wired', healed)
  t.strictSame([hosts.linksUp('host1'), hosts.linksUp('host2')], [10, 10])
  t.equal(hosts.fleet('host1').facts().node_restarts_count, 0)
})
