// Attempts of a shrinking as processes: what their starter passes on to them.

import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { ShrinkRuns } from '../../src/cli/shrink/runs.ts'
import { loadScenario } from '../../src/config/load.ts'
import { makePlan } from '../../src/lab/plan/plan.ts'
import { until } from '../fixtures/control-client.ts'

/** Notes each signal, and ends at the second, as a run does that is in a hurry. */
const NOTING = `
const { writeFileSync } = require('node:fs')
let heard = 0
process.on('SIGINT', () => {
  writeFileSync(process.env.NOTES + ++heard, '')
  if (heard === 2) process.exit(130)
})
setInterval(() => {}, 1000)
writeFileSync(process.env.NOTES + 0, '')
`

t.test('the second signal reaches an attempt as well, and ends it at once', async t => {
  const folder = t.testdir()
  const notes = join(folder, 'heard-')
  const script = join(folder, 'run.cjs')
  writeFileSync(script, `process.env.NOTES = ${JSON.stringify(notes)}\n${NOTING}`)
  const [interrupt, hurry] = [new AbortController(), new AbortController()]
  const plan = makePlan(loadScenario('selfcheck').scenario)
  const runs = new ShrinkRuns({
    plan,
    gate: 'netns_recall_ratio',
    folder,
    budgetS: 600,
    overheadS: 0,
    program: [process.execPath, script],
    clock: systemClock,
    signal: interrupt.signal,
    hurried: hurry.signal,
    say: () => {},
  })
  const attempt = runs.attempt({ operations: [], durationS: 1 }, 'beginning')
  await until(() => existsSync(`${notes}0`))
  interrupt.abort('SIGINT')
  await until(() => existsSync(`${notes}1`))
  hurry.abort('SIGINT')
  t.equal(await attempt, 'over')
  t.ok(existsSync(`${notes}2`))
})
