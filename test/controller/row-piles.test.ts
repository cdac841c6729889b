// Rows on their way into a database that refuses, comes back, or does not keep up.

import t from 'tap'
import { appFlowsPile, flowTimesPile, MetricsPile, type Query } from '../../src/controller/row-piles.ts'
import type { MetricRow } from '../../src/controller/traffic-news.ts'

const metric = (bytes: number): MetricRow => ({
  flowId: Buffer.alloc(16),
  localNodeId: 1,
  remoteNodeId: 2,
  bytes,
  timeRead: 0,
})

/** Statements' values, and what each is answered with. */
function database() {
  const written: (readonly unknown[])[] = []
  let refusal: Error | null = null
  const query: Query = async (_, values) => {
    if (refusal !== null) throw refusal
    written.push(values)
  }
  return { query, written, refuse: (error: Error | null) => (refusal = error) }
}

t.test('times that both ends tell of are one row', async t => {
  const { query, written } = database()
  const pile = flowTimesPile()
  pile.note({ flowId: 1, startTime: 20, finishTime: null })
  pile.note({ flowId: 1, startTime: 10, finishTime: 50 })
  pile.note({ flowId: 1, startTime: 15, finishTime: 40 })
  pile.note({ flowId: 2, startTime: 5, finishTime: null })
  t.equal(pile.count, 2)
  await pile.write(query)
  await pile.write(query)
  t.same(written, [
    [
      [1, 2],
      [10, 5],
      [50, null],
    ],
  ])
})

t.test('very many rows go in several statements, and are counted at once meanwhile', async t => {
  const pile = appFlowsPile(() => {})
  const rows = Array.from({ length: 60_000 }, (_, index) => ({
    flowId: index.toString(16).padStart(32, '0'),
    startTime: 1,
    srcNodeId: 1,
    dstNodeId: 2,
    finishTime: null,
    routeId: null,
  }))
  for (const row of rows) pile.note(row)
  const sizes: number[] = []
  let answer = (): void => {}
  const writing = pile.write((_, [ids]) => {
    sizes.push((ids as readonly unknown[]).length)
    return sizes.length > 1 ? Promise.resolve() : new Promise<void>(resolve => (answer = resolve))
  })
  for (const row of rows) pile.note({ ...row, finishTime: 2 })
  const fromMs = performance.now()
  for (let asked = 0; asked < 10_000; asked++) if (pile.count !== 60_000) t.fail(`${pile.count}`)
  t.ok(performance.now() - fromMs < 20_000)
  answer()
  await writing
  t.ok(Math.max(...sizes) <= 5000, `${sizes}`)
  t.equal(pile.count, 5000, 'what was said of the first anew')
  await pile.write(() => Promise.resolve())
  t.equal(pile.count, 0)
})

t.test('what is refused waits, merged with what came meanwhile', async t => {
  const { query, refuse, written } = database()
  const pile = flowTimesPile()
  pile.note({ flowId: 1, startTime: 20, finishTime: null })
  pile.note({ flowId: 2, startTime: 30, finishTime: null })
  refuse(new Error('away'))
  const attempt = pile.write(query)
  pile.note({ flowId: 1, startTime: 10, finishTime: 40 })
  t.equal(pile.count, 2, 'each once')
  await t.rejects(attempt)
  t.equal(pile.count, 2)
  refuse(null)
  await pile.write(query)
  t.same(written, [
    [
      [1, 2],
      [10, 30],
      [40, null],
    ],
  ])
})

t.test('metrics are written in order and in parts, and dropped beyond a bound, which is told by number', async t => {
  const { query, refuse, written } = database()
  const dropped: number[] = []
  const pile = new MetricsPile(count => dropped.push(count), 12_000)
  refuse(new Error('away'))
  pile.note(Array.from({ length: 10_000 }, (_, at) => metric(at)))
  await t.rejects(pile.write(query))
  pile.note(Array.from({ length: 3000 }, (_, at) => metric(10_000 + at)))
  pile.note([metric(0)])
  t.equal(pile.count, 12_000)
  t.same(dropped, [])
  refuse(null)
  await pile.write(query)
  t.same(dropped, [1001])
  t.same(
    written.flatMap(values => values[3] as number[]),
    Array.from({ length: 12_000 }, (_, at) => at),
  )
  t.equal(written.length, 3)
  await pile.write(query)
  t.same([dropped, pile.count], [[1001], 0])
})

t.test('flows of programs are rows by id and start, and beyond a bound only known ones change', async t => {
  const { query, refuse, written } = database()
  const dropped: number[] = []
  const pile = appFlowsPile(count => dropped.push(count), 2)
  const begun = (startTime: number) => {
    const flow = { flowId: '0a'.repeat(16), startTime, srcNodeId: 1, dstNodeId: 2 }
    return { ...flow, finishTime: null, routeId: null }
  }
  for (const start of [10, 20, 30]) pile.note(begun(start))
  pile.note({ ...begun(10), routeId: 4 })
  refuse(new Error('away'))
  await t.rejects(pile.write(query))
  pile.note({ ...begun(10), finishTime: 90 })
  pile.note(begun(40))
  t.strictSame([pile.count, dropped], [2, []])
  refuse(null)
  await pile.write(query)
  t.strictSame(dropped, [2], 'told once they are written again')
  const id = Buffer.from('0a'.repeat(16), 'hex')
  const two = [1, 1]
  t.strictSame(written, [[[id, id], [10, 20], two, [2, 2], [true, false], [90, null], [4, null]]])
  pile.note(begun(50))
  await pile.write(query)
  t.strictSame([written.length, dropped.length], [2, 1])
})
