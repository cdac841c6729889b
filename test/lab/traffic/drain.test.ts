// The run's part of draining traffic, with fleets that answer as the test has them answer.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Clock, systemClock } from '../../../src/base/clock.ts'
import { NslabError } from '../../../src/base/errors.ts'
import type { TrafficLine } from '../../../src/judge/types.ts'
import { RunContext } from '../../../src/lab/run/context.ts'
import type { ProvingFleet } from '../../../src/lab/run/proof.ts'
import { createRunFolder } from '../../../src/lab/run-folder/run-folder.ts'
import { TrafficWatch } from '../../../src/lab/traffic/drain.ts'
import type { Command, Notice } from '../../../src/protocol/steering.ts'
import type { FleetTraffic } from '../../../src/protocol/traffic.ts'
import { goodTraffic, linkOf, nodeOf, sinkOf, sourceOf, type Traffic, trafficRun } from '../../fixtures/traffic.ts'

type Ask = Extract<Command, { do: 'traffic' }>
type Answer = (ask: Ask, host: string, tell: (part: FleetTraffic, more?: boolean) => void) => void

/** Two fleets, what they were asked, and what is saved of their answers. `aheadS`: by how much the clock is ahead. */
function makeWatch(t: Test, answer: Answer) {
  const base = mkdtempSync(join(tmpdir(), 'nslab-drain-'))
  const ahead = { s: 0 }
  const clock: Clock = {
    nowNs: () => systemClock.nowNs() + BigInt(Math.round(ahead.s * 1e9)),
    wallDate: () => systemClock.wallDate(),
  }
  const folder = createRunFolder({ base, scenario: 'ring', seed: 1, clock })
  const context = new RunContext({
    plan: trafficRun().plan,
    folder,
    clock,
    runId: 'a'.repeat(32),
    level: 'host',
    onProgress: () => {},
    onWarning: () => {},
  })
  const asked: Ask[] = []
  const fleets = ['host1', 'host2'].map((host): ProvingFleet => {
    const listeners = new Set<(notice: Notice) => void>()
    const program: ProvingFleet['program'] = {
      name: `dataplane of ${host}`,
      send: command => {
        const ask = command as Ask
        if (host === 'host1') asked.push(ask)
        const tell = (part: FleetTraffic, more = false): void => {
          for (const listener of [...listeners]) listener({ is: 'traffic', ask: ask.ask, part, more })
        }
        setImmediate(() => answer(ask, host, tell))
      },
      onNotice: listener => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    }
    return { host, program }
  })
  const watch = new TrafficWatch(context, () => fleets)
  t.teardown(() => {
    watch.end()
    folder.close()
    rmSync(base, { recursive: true })
  })
  const lines = (): TrafficLine[] => {
    folder.flush()
    const text = readFileSync(folder.file('traffic.ndjson'), 'utf8').trim()
    return text === '' ? [] : text.split('\n').map(line => JSON.parse(line) as TrafficLine)
  }
  return { context, watch, asked, lines, ahead }
}

const nothing: FleetTraffic = { links: [], nodes: [], flows: [] }

/** Everything is of the first fleet. */
const whole =
  (traffic: Traffic): Answer =>
  (_ask, host, tell) =>
    tell(host === 'host1' ? traffic : nothing)

t.test('sources stop, and what adds up is asked for once', async t => {
  const { watch, asked, lines } = makeWatch(t, (_ask, host, tell) => {
    const { nodes, links, flows } = goodTraffic()
    if (host === 'host2') return tell(nothing)
    tell({ nodes, links: [], flows: [] }, true)
    tell({ nodes: [], links, flows })
  })
  await watch.drain()
  t.same(asked, [
    { do: 'traffic', ask: 1, stop_sources: false },
    { do: 'traffic', ask: 2, stop_sources: true },
  ])
  t.match(lines(), [
    { ask: 1, host: 'host1', running: [] },
    { ask: 1, host: 'host2', running: [] },
    { ask: 2, host: 'host1', more: true, part: { nodes: [{}, {}, {}], links: [] } },
    { ask: 2, host: 'host1', more: false, part: { nodes: [], links: [{}, {}, {}, {}] } },
    { ask: 2, host: 'host2', more: false, part: nothing },
  ])
})

t.test('flows that have not sent all when their sources are stopped are noted', async t => {
  const { watch, lines } = makeWatch(t, (ask, host, tell) => {
    const traffic = goodTraffic()
    if (!ask.stop_sources) sourceOf(traffic, 2).finished = false
    whole(traffic)(ask, host, tell)
  })
  await watch.drain()
  t.match(lines().slice(0, 2), [{ running: [2] }, { running: [] }])
})

t.test('it asks again while anything is under way, and saves the last answer alone', async t => {
  const ways: ((traffic: Traffic) => unknown)[] = [
    traffic => Object.assign(nodeOf(traffic, 1), { held_packets: 1 }),
    traffic => Object.assign(linkOf(traffic, 1, 2).sent, { held_packets: 1 }),
    traffic => linkOf(traffic, 3, 2).received_packets--,
    traffic => Object.assign(sinkOf(traffic, 2, 3), { finished: false }),
    traffic => traffic.flows.splice(traffic.flows.indexOf(sinkOf(traffic, 1, 3)), 1),
  ]
  const { watch, asked, lines } = makeWatch(t, (ask, host, tell) => {
    const traffic = goodTraffic()
    ways[ask.ask - 2]?.(traffic)
    whole(traffic)(ask, host, tell)
  })
  await watch.drain()
  t.equal(asked.length, ways.length + 2)
  t.same(
    lines().map(({ ask, host }) => [ask, host]),
    [
      [1, 'host1'],
      [1, 'host2'],
      [7, 'host1'],
      [7, 'host2'],
    ],
  )
})

t.test('what never adds up is told as it is, once the time is over', async t => {
  const { watch, asked, lines, ahead } = makeWatch(t, (ask, host, tell) => {
    const traffic = goodTraffic()
    linkOf(traffic, 3, 2).received_packets -= 1
    if (ask.ask === 4) ahead.s = 3600
    whole(traffic)(ask, host, tell)
  })
  await watch.drain()
  t.equal(asked.length, 4)
  t.match(lines().slice(2), [{ ask: 4 }, { ask: 4 }])
})

t.test('nothing is waited for on a link that broke, nor for a source that was stopped', async t => {
  const { watch, asked } = makeWatch(t, (ask, host, tell) => {
    const traffic = goodTraffic()
    linkOf(traffic, 3, 2).received_packets -= 1
    linkOf(traffic, 2, 3).up = false
    linkOf(traffic, 2, 1).received_packets -= 1
    linkOf(traffic, 2, 1).breaks = 1
    sourceOf(traffic, 1).finished = false
    sinkOf(traffic, 1, 3).finished = false
    whole(traffic)(ask, host, tell)
  })
  await watch.drain()
  t.equal(asked.length, 2)
})

t.test('a fleet that does not answer is named', async t => {
  const { context, watch, lines } = makeWatch(t, (_ask, host, tell) => {
    if (host === 'host1') tell(nothing)
  })
  // The limit is a program's matter: the time that it takes is not this test's.
  context.until = (start, _limitS, onDeadline) => {
    return RunContext.prototype.until.call(context, start, 0.2, onDeadline)
  }
  await t.rejects(watch.drain(), { code: 'DEADLINE', facts: { missing: 'dataplane of host2' } })
  t.same(lines(), [])
})

t.test('a run that is ended while it drains keeps the answer that it had', async t => {
  const { context, watch, lines } = makeWatch(t, (ask, host, tell) => {
    const traffic = goodTraffic()
    nodeOf(traffic, 1).held_packets = 1
    whole(traffic)(ask, host, tell)
    if (ask.ask === 2) context.abort(new NslabError('INTERRUPTED', { signal: 'SIGINT' }))
  })
  await t.rejects(watch.drain(), { code: 'INTERRUPTED' })
  t.match(lines().slice(2), [
    { host: 'host1', part: {} },
    { host: 'host2', part: {} },
  ])
})

t.test('totals are noted while it holds, until it drains', async t => {
  const { watch, asked, lines } = makeWatch(t, whole(goodTraffic()))
  watch.begin()
  while (lines().length < 4) await new Promise(resolve => setTimeout(resolve, 50))
  await watch.drain()
  t.same(
    asked.map(ask => ask.stop_sources),
    [...asked.slice(1).map(() => false), true],
    'stopped once',
  )
  const totals = {
    hops_packets: 4000,
    dropped_packets: 0,
    sent_packets: 2000,
    sent_bytes: 2_800_000,
    received_packets: 3000,
    received_bytes: 4_200_000,
  }
  t.match(lines()[0], { ask: 1, host: 'host1', totals })
  const many = lines().length
  await new Promise(resolve => setTimeout(resolve, 1500))
  t.equal(lines().length, many, 'and no more')
})

t.test('a look that nobody answers ends with the hold, and keeps nothing alive', async t => {
  const { watch, asked } = makeWatch(t, () => {})
  watch.begin()
  while (asked.length === 0) await new Promise(resolve => setTimeout(resolve, 50))
  watch.end()
  watch.end()
  t.equal(asked.length, 1)
})
