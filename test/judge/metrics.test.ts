import t from 'tap'
import type { Metric } from '../../src/judge/metric.ts'
import { computeMetrics, metricNames } from '../../src/judge/metrics.ts'
import type { History } from '../../src/judge/types.ts'
import { withoutProof } from '../fixtures/proof.ts'
import { historyOf, type RunData, ringRun } from '../fixtures/run-folder.ts'

const NODES = 12

/** The metrics of a good run after `change`. */
function after(change: (data: RunData) => unknown): Readonly<Record<string, Metric>> {
  const data = ringRun({ nodes: NODES })
  const changed = change(data)
  return computeMetrics({ ...historyOf(data), ...(changed as Partial<History> | undefined) })
}

const metric = (metrics: Readonly<Record<string, Metric>>, name: string): Metric => {
  const found = metrics[name]
  if (!found) throw new Error(`no ${name}`)
  return found
}
const value = (metrics: Readonly<Record<string, Metric>>, name: string): number | string => {
  const found = metric(metrics, name)
  return found.known ? found.value : 'unknown'
}
const why = (metrics: Readonly<Record<string, Metric>>, name: string): string => {
  const found = metric(metrics, name)
  return found.known ? `known: ${found.value}` : found.why
}

function timeOf(data: RunData, kind: string): number {
  return data.events.find(event => event.kind === kind)?.t_s ?? Number.NaN
}

/** The metrics of a good run that measured otherwise. */
const having = (figures: Readonly<Record<string, unknown>>) =>
  after(data => {
    Object.assign(measured(data), figures)
  })

const measured = (data: RunData): Record<string, unknown> => (data.outcome?.metrics ?? {}) as Record<string, unknown>

t.test('a good run has every metric, but that of a controller that came back', async t => {
  const metrics = after(() => {})
  t.same(
    metricNames.filter(name => !metric(metrics, name).known),
    ['rows_kept_count'],
  )
})

t.test('times are taken between the moments their names say', async t => {
  const data = ringRun({ nodes: NODES })
  const metrics = computeMetrics(historyOf(data))
  const arrival = timeOf(data, 'node_connected')
  const wired = timeOf(data, 'all_wired')
  const expected: Record<string, number> = {
    all_connected_s: timeOf(data, 'all_connected') - arrival,
    all_wired_s: wired - arrival,
    nextmini_wiring_s: timeOf(data, 'flows_sent') - arrival,
    fabric_to_wired_s: wired - timeOf(data, 'fabric_started'),
    fabric_s: timeOf(data, 'fabric_ended') - timeOf(data, 'fabric_started'),
    total_s: wired,
  }
  for (const [name, seconds] of Object.entries(expected)) {
    t.ok(Math.abs((value(metrics, name) as number) - seconds) < 1e-8, name)
  }
})

t.test('nodes and links are counted from what the nodes reported', async t => {
  const metrics = after(() => {})
  t.equal(value(metrics, 'nodes_count'), NODES)
  t.equal(value(metrics, 'links_count'), NODES)
  t.equal(value(metrics, 'connected_count'), NODES)
})

t.test('without all_wired the nodes and links that were reached are counted and no wiring time is known', async t => {
  const metrics = after(data => {
    const { events, links } = withoutProof(data)
    data.events = events.filter(
      event => event.kind !== 'all_wired' && !(event.kind === 'node_ready' && event.node_id > 4),
    )
    data.links = links
  })
  t.equal(value(metrics, 'nodes_count'), 4)
  t.equal(value(metrics, 'links_count'), 3)
  t.match(why(metrics, 'all_wired_s'), /4 of 12/)
  t.match(why(metrics, 'total_s'), /4 of 12/)
  t.type(value(metrics, 'all_connected_s'), 'number')
})

t.test('all_wired that contradicts the nodes that reported ready is not believed', async t => {
  const metrics = after(data => {
    data.events = data.events.filter(event => !(event.kind === 'node_ready' && event.node_id === 5))
  })
  for (const name of ['nodes_count', 'all_wired_s', 'fabric_to_wired_s', 'total_s', 'memory_per_node_bytes']) {
    t.match(why(metrics, name), /11 of 12/, name)
  }
})

t.test('all_connected that contradicts the nodes that connected is not believed', async t => {
  const metrics = after(data => {
    data.events = data.events.filter(event => !(event.kind === 'node_connected' && event.node_id === 5))
  })
  t.match(why(metrics, 'all_connected_s'), /11 of 12/)
  t.match(why(metrics, 'nextmini_wiring_s'), /11 of 12/)
})

t.test('a plan that contradicts itself makes the nodes unknown', async t => {
  const metrics = after(data => {
    const [fleet] = data.plan.fleets
    if (fleet) return { plan: { ...data.plan, fleets: [{ ...fleet, nNodes: 11 }] } }
  })
  t.match(why(metrics, 'nodes_count'), /11 nodes/)
})

t.test('a ready node outside the plan makes the nodes unknown', async t => {
  const metrics = after(data => {
    for (const event of data.events)
      if (event.kind === 'node_ready' && event.node_id === 3) Object.assign(event, { node_id: 99 })
  })
  t.match(why(metrics, 'nodes_count'), /99/)
})

t.test('a moment that was never seen is named', async t => {
  const without = (kind: string) =>
    after(data => {
      data.events = data.events.filter(event => event.kind !== kind)
    })
  t.match(why(without('all_connected'), 'all_connected_s'), /all_connected/)
  t.match(why(without('flows_sent'), 'nextmini_wiring_s'), /flows_sent/)
  t.match(why(without('fabric_started'), 'fabric_to_wired_s'), /fabric_started/)
  t.match(why(without('fabric_ended'), 'fabric_s'), /0 of 1 fleets/)
  t.match(why(without('node_connected'), 'all_wired_s'), /first arrival/)
})

t.test('moments in an impossible order give no time', async t => {
  const metrics = after(data => {
    for (const event of data.events) if (event.kind === 'fabric_started') Object.assign(event, { t_s: 1e6 })
  })
  t.match(why(metrics, 'fabric_to_wired_s'), /precedes/)
})

t.test('what only the run can measure is unknown without it', async t => {
  for (const name of [
    'memory_before_bytes',
    'memory_after_bytes',
    'teardown_s',
    'residue_count',
    'database_rss_bytes',
  ]) {
    t.match(
      why(
        after(data => void delete measured(data)[name]),
        name,
      ),
      /did not measure/,
      name,
    )
    t.match(
      why(
        after(() => ({ outcome: null })),
        name,
      ),
      /did not end/,
      name,
    )
  }
})

t.test('a measured value that is not a number is unknown', async t => {
  for (const wrong of [null, 'many', Number.NaN, Number.POSITIVE_INFINITY]) {
    t.match(why(having({ teardown_s: wrong }), 'teardown_s'), /not a number/, String(wrong))
  }
})

t.test('measured metrics without a derivation here are passed on', async t => {
  const metrics = having({ netns_gone_s: 0.5, broken_count: null })
  t.equal(value(metrics, 'netns_gone_s'), 0.5)
  t.match(why(metrics, 'broken_count'), /not a number/)
})

t.test('a measured figure must agree with the derived one', async t => {
  t.match(why(having({ restarts_count: 1 }), 'restarts_count'), /two sources disagree/)
  t.match(why(having({ all_wired_s: 9 }), 'all_wired_s'), /two sources disagree/)
  t.equal(value(having({ restarts_count: 0 }), 'restarts_count'), 0)
  t.type(
    value(having({ total_s: timeOf(ringRun({ nodes: NODES }), 'all_wired') + 0.0004 }), 'total_s'),
    'number',
    'clocks are read twice',
  )
  t.type(value(having({ memory_per_node_bytes: 0 }), 'memory_per_node_bytes'), 'string')
})

t.test('memory per node leaves the run’s database out', async t => {
  const set = (data: RunData, extra: Record<string, number>): void => {
    Object.assign(measured(data), { memory_before_bytes: 1000, memory_after_bytes: 13_000, ...extra })
  }
  t.equal(
    value(
      after(data => set(data, { database_rss_bytes: 0 })),
      'memory_per_node_bytes',
    ),
    1000,
  )
  t.equal(
    value(
      after(data => set(data, { database_rss_bytes: 6000 })),
      'memory_per_node_bytes',
    ),
    500,
  )
  const none = after(data => {
    set(data, {})
    delete measured(data).database_rss_bytes
  })
  t.equal(value(none, 'memory_per_node_bytes'), 1000)
})

t.test('memory that fell says nothing about nodes', async t => {
  const metrics = after(
    data => void Object.assign(measured(data), { memory_before_bytes: 9e9, memory_after_bytes: 8e9 }),
  )
  t.match(why(metrics, 'memory_per_node_bytes'), /noisy/)
})

t.test('memory per node needs both moments and a node', async t => {
  const name = 'memory_per_node_bytes'
  t.match(
    why(
      after(data => void delete measured(data).memory_before_bytes),
      name,
    ),
    /memory_before_bytes/,
  )
  t.match(
    why(
      after(data => void delete measured(data).memory_after_bytes),
      name,
    ),
    /memory_after_bytes/,
  )
  const nobody = after(data => {
    data.events = data.events.filter(event => event.kind !== 'all_wired' && event.kind !== 'node_ready')
  })
  t.match(why(nobody, name), /no node/)
})

t.test('no residue is proven only by a census that was taken and agrees with its list', async t => {
  const listing = (count: number, names: string[]) =>
    after(data => {
      measured(data).residue_count = count
      if (data.outcome) return { outcome: { ...data.outcome, residue: names } }
    })
  t.equal(value(listing(1, ['link veth0a']), 'residue_count'), 1)
  t.match(metric(listing(1, ['link veth0a']), 'residue_count'), { evidence: /veth0a/ })
  t.match(why(listing(0, ['link veth0a']), 'residue_count'), /counts 0 and lists 1/)
})

t.test('what the run did not measure of its processes is read from samples, and both are kept', async t => {
  const both = metric(
    after(() => {}),
    'threads_count',
  )
  t.match(both, { known: true, value: 15, others: [{ value: 15 }] })
  const sampled = metric(
    after(data => void delete measured(data).threads_count),
    'threads_count',
  )
  t.match(sampled, { known: true, value: 15, others: [] })
  const unsampled = metric(
    after(() => ({ samples: [] })),
    'threads_count',
  )
  t.match(unsampled, { known: true, value: 15, others: [] })
  const neither = after(data => {
    delete measured(data).threads_count
    return { samples: [] }
  })
  t.match(why(neither, 'threads_count'), /did not measure/)
})

t.test('damage makes unknown what was read from the damaged file, and nothing else', async t => {
  const damaged = (file: string, kind: 'cut' | 'corrupt', extra: Partial<History> = {}) =>
    after(() => ({ damage: [{ file, kind, line: 7, problem: 'bad' }], ...extra }))
  const events = damaged('events.ndjson', 'corrupt')
  t.match(why(events, 'all_wired_s'), /events.ndjson line 7/)
  t.match(why(events, 'refusals_count'), /events.ndjson line 7/)
  t.equal(value(events, 'threads_count'), 15)
  t.equal(value(events, 'residue_count'), 0)
  const samples = damaged('samples.ndjson', 'corrupt')
  t.match(why(samples, 'threads_count'), /samples.ndjson line 7/)
  t.type(value(samples, 'all_wired_s'), 'number')
  const links = damaged('links.ndjson', 'corrupt')
  for (const name of ['links_count', 'links_disagreeing_count', 'links_missing_count', 'addresses_overlapping_count'])
    t.match(why(links, name), /links.ndjson line 7/, name)
  t.equal(value(links, 'ring_hops_count'), NODES)
  t.match(why(damaged('events.ndjson', 'cut'), 'all_wired_s'), /damaged/, 'a run that ended leaves no cut line')
  t.type(value(damaged('events.ndjson', 'cut', { outcome: null }), 'all_wired_s'), 'number', 'a killed run does')
  const whole = after(() => ({ damage: [{ file: 'events.ndjson', kind: 'corrupt', problem: 'EISDIR' }] }))
  t.match(why(whole, 'all_wired_s'), /events.ndjson is damaged/)
})

t.test('without any event nothing is counted as zero', async t => {
  const metrics = after(() => ({ events: [] }))
  for (const name of ['refusals_count', 'lost_count', 'nodes_count', 'errors_count']) {
    t.match(why(metrics, name), /no event/, name)
  }
})

t.test('a derivation that crashes makes its metric unknown and no other', async t => {
  const metrics = after(data => ({ plan: { ...data.plan, topology: { name: 'ring', nodes_count: NODES } } }))
  t.match(why(metrics, 'links_count'), /the judge failed/)
  t.equal(value(metrics, 'nodes_count'), NODES)
})

t.test('events that can not be read at all make everything unknown', async t => {
  const hostile = [null] as unknown as History['events']
  const metrics = after(() => ({ events: hostile }))
  t.same(
    metricNames.filter(name => metric(metrics, name).known),
    [],
  )
  const thrown = {
    get t_s(): number {
      throw 'no error object'
    },
  } as unknown as History['events'][number]
  t.match(
    why(
      after(() => ({ events: [thrown, thrown] })),
      'nodes_count',
    ),
    /no error object/,
  )
})

t.test('several fleets count together', async t => {
  const metrics = after(data => {
    const [fleet] = data.plan.fleets
    const started = data.events.find(event => event.kind === 'fabric_started')
    const ended = data.events.find(event => event.kind === 'fabric_ended')
    if (!fleet || !started || !ended) throw new Error('no fleet')
    return {
      plan: {
        ...data.plan,
        fleets: [
          { ...fleet, nNodes: 6 },
          { ...fleet, nNodes: 6, nodeIdOffset: 6 },
        ],
      },
      events: [
        ...data.events,
        { ...started, from: 'dataplane:b', t_s: started.t_s - 0.1 },
        { ...ended, from: 'dataplane:b', t_s: ended.t_s + 1 },
      ],
    }
  })
  t.equal(value(metrics, 'nodes_count'), NODES)
  const single = after(() => {})
  t.ok((value(metrics, 'fabric_s') as number) - (value(single, 'fabric_s') as number) > 1.09)
  t.ok((value(metrics, 'fabric_to_wired_s') as number) > (value(single, 'fabric_to_wired_s') as number))
})
