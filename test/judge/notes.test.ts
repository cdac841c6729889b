import t from 'tap'
import { notesOf } from '../../src/judge/notes.ts'
import { readTimeline } from '../../src/judge/timeline.ts'
import type { History } from '../../src/judge/types.ts'
import { historyOf, type RunData, ringRun } from '../fixtures/run-folder.ts'

function notes(change: (data: RunData) => unknown, open: string[] = []): string[] {
  const data = ringRun()
  const history = { ...historyOf(data), ...(change(data) as Partial<History> | undefined) }
  return notesOf(history, readTimeline(history.events), open)
}

t.test('a good run needs no notes', async t => {
  t.same(
    notes(() => {}),
    [],
  )
})

t.test('notes of the run and warnings of its plan come first, each once', async t => {
  const found = notes(data => {
    const { scenario } = data.plan
    const plan = {
      ...data.plan,
      scenario: { ...scenario, warnings: ['w', 'n'], dataplane: { ...scenario.dataplane, warnings: ['d'] } },
    }
    return { plan, outcome: data.outcome && { ...data.outcome, notes: ['n'] } }
  })
  t.same(found, ['n', 'w', 'd'])
})

t.test('a plan of fewer words has no warnings', async t => {
  t.same(
    notes(data => ({ plan: { ...data.plan, scenario: { name: 'x' } }, outcome: null })),
    [],
  )
})

t.test('what a program told as an error, and lived on with, is told; so is a database that went away', async t => {
  const lost = (t_s: number, reason?: string) =>
    ({ t_s, from: 'controller', kind: 'database_lost', ...(reason === undefined ? {} : { reason }) }) as const
  const found = notes(data => {
    data.events.push(
      { t_s: 900, from: 'controller', kind: 'error', message: '3 rows could not be written' },
      lost(700, 'no room'),
      { t_s: 701.5, from: 'controller', kind: 'database_back' },
      lost(800),
    )
  })
  t.same(found, [
    'controller: lost its database at 700.0 s (no room) until 701.5 s',
    'controller: lost its database at 800.0 s (no reason) and did not get it back',
    'controller: error: 3 rows could not be written',
  ])
  const many = notes(data => {
    for (let n = 0; n < 8; n++) data.events.push({ t_s: 900 + n, from: 'x', kind: 'error', message: `${n}` })
  })
  t.same([many.length, many.at(-1)], [6, '3 more errors are in events.ndjson'])
  const ended = notes(data => {
    data.events.push({ t_s: 900, from: 'x', kind: 'error', message: 'why it ended' })
    const error = { code: 'X', message: 'why it ended', exit_code: 6 }
    return { outcome: data.outcome && { ...data.outcome, error } }
  })
  t.same(ended, [], 'what ended the run is its error already')
})

t.test('damage and open phases are told', async t => {
  const damage = [
    { file: 'events.ndjson', kind: 'corrupt', line: 3, problem: 'p' },
    { file: 'samples.ndjson', kind: 'missing', problem: 'q' },
  ] as const
  t.match(
    notes(() => ({ damage }), ['wire']),
    [/events.ndjson line 3/, /^samples.ndjson is missing/, /wire/],
  )
  t.same(
    notes(data => {
      const { damage: _, ...history } = historyOf(data)
      return history
    }),
    [],
  )
})

t.test('a store that persists nothing is told, with its reason', async t => {
  const store = (reason?: string) =>
    notes(data => {
      const event = { t_s: 0.1, from: 'controller', kind: 'database_ready', store: 'memory', persisted: false } as const
      return { events: [{ ...event, ...(reason ? { reason } : {}) }, ...data.events] }
    })
  t.match(store('no postgres here'), [/nothing was persisted.*no postgres here/])
  t.match(store(), [/nothing was persisted/])
})

t.test('a machine that was busy before wiring is told', async t => {
  const first = (change: Partial<History['samples'][number]>) =>
    notes(data => ({ samples: data.samples.map((sample, index) => (index === 0 ? { ...sample, ...change } : sample)) }))
  t.match(first({ load_1m: 5 }), [/load 5 on 2/])
  t.match(first({ pressure: { cpu_some: 55, memory_some: 0, io_some: 0 } }), [/55 %/])
  t.same(first({ load_1m: 5, t_s: 99 }), [], 'a sample taken while wiring shows our own work')
  t.same(first({ pressure: null }), [])
  t.same(
    notes(() => ({ samples: [] })),
    [],
  )
  t.match(
    notes(data => ({ samples: data.samples.map(s => ({ ...s, load_1m: 5 })), events: [] })),
    [/load 5/],
  )
})

t.test('changes by others are named, not all of them', async t => {
  const foreign = (count: number) =>
    notes(data => ({
      outcome: data.outcome && { ...data.outcome, foreign: Array.from({ length: count }, (_, i) => `veth${i}`) },
    }))
  t.match(foreign(2), [/veth0, veth1$/])
  t.match(foreign(12), [/veth4 and 7 more$/])
})

t.test('of gates that were seen red the last is told, and those that never were', t => {
  const seen = (at: string) => ({ at, version: '1.2', commit: 'c', canary: 'x' })
  const found = notes(data => ({
    environment: {
      ...data.environment,
      gates_seen_red: {
        residue_count: seen('2026-02-03T04:05:06Z'),
        [data.plan.scenario.gates[0]?.metric ?? '']: seen('2026-01-01T00:00:00Z'),
      },
    },
  }))
  t.match(found, [
    /^seen to fail on its canary, the last on 2026-02-03 with nslab 1\.2: \d+ of \d+ metrics .*never: \S/,
  ])
  t.end()
})
