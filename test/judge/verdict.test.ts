import t from 'tap'
import type { GateVerdict, History } from '../../src/judge/types.ts'
import { errorOf, verdictOf } from '../../src/judge/verdict.ts'
import { historyOf, ringRun } from '../fixtures/run-folder.ts'

const gates = (...verdicts: GateVerdict['verdict'][]): GateVerdict[] =>
  verdicts.map(verdict => ({ name: 'g', verdict, observed: null, limit: '== 0', unit: '', evidence: '' }))

t.test('gates make one verdict and one exit code', async t => {
  const table: [GateVerdict['verdict'][], string, number][] = [
    [['pass'], 'pass', 0],
    [['pass', 'not_applicable'], 'pass', 0],
    [['pass', 'fail'], 'fail', 1],
    [['unknown', 'fail', 'pass'], 'fail', 1],
    [['pass', 'unknown'], 'unknown', 5],
    [['not_applicable'], 'unknown', 5],
    [[], 'unknown', 5],
  ]
  for (const [verdicts, verdict, exit_code] of table) {
    t.same(verdictOf(gates(...verdicts), null), { verdict, exit_code }, verdicts.join(' '))
  }
})

t.test('an error outweighs every gate and brings its own exit code', async t => {
  for (const exit_code of [3, 4, 6, 70, 130]) {
    t.same(verdictOf(gates('fail'), { code: 'X', message: '', exit_code }), { verdict: 'error', exit_code })
  }
})

const withError = (error: unknown): History => {
  const data = ringRun()
  return { ...historyOf(data), outcome: { ...data.outcome, error } as History['outcome'] }
}

t.test('the run’s own error is told as it is', async t => {
  const error = { code: 'DEADLINE', message: 'm', phase: 'wire', exit_code: 4 }
  t.same(errorOf(withError(error), undefined), error)
  t.equal(errorOf(withError(null), undefined), null)
  t.equal(errorOf(withError(undefined), undefined), null)
})

t.test('an error can not bring an exit code that means a verdict, or none at all', async t => {
  for (const exit_code of [0, 1, -1, 256, 2.5, Number.NaN]) {
    t.match(errorOf(withError({ code: 'X', message: '', exit_code }), undefined), { exit_code: 70 }, String(exit_code))
  }
})

t.test('a run without an outcome did not end', async t => {
  const history = { ...historyOf(ringRun()), outcome: null }
  t.match(errorOf(history, 'wire'), { code: 'RUN_UNFINISHED', phase: 'wire', exit_code: 5 })
  t.notOk(Object.hasOwn(errorOf(history, undefined) ?? {}, 'phase'))
  const { damage: _, ...bare } = history
  t.match(errorOf(bare, 'wire'), { code: 'RUN_UNFINISHED' })
})

t.test('an outcome that is damaged is another story than one that is missing', async t => {
  const history = { ...historyOf(ringRun()), outcome: null }
  const damaged = errorOf({ ...history, damage: [{ file: 'outcome.json', kind: 'corrupt', problem: 'x' }] }, undefined)
  t.not(damaged?.message, errorOf(history, undefined)?.message)
})
