import t from 'tap'
import { type Canary, judgeCanary, judgeControl, unprovenGates } from '../../src/judge/canaries.ts'
import type { GateVerdict, Report } from '../../src/judge/types.ts'

const gate = (name: string, verdict: GateVerdict['verdict']): GateVerdict => ({
  name,
  verdict,
  observed: 1,
  limit: '== 0',
  unit: '',
  evidence: `evidence of ${name}`,
})

const report = (gates: readonly GateVerdict[], error?: Report['error']): Report =>
  ({ gates, ...(error === undefined ? {} : { error }) }) as Report

const canary: Canary = {
  name: 'lose-rows',
  fault: 'rows are lost',
  set: [],
  gates: ['rows_lost_count'],
  verdict: 'fail',
  mayTurn: ['socket_recall_ratio'],
}

t.test('caught: its own gate has turned, others only where they may', async t => {
  const gates = [gate('rows_lost_count', 'fail'), gate('socket_recall_ratio', 'unknown'), gate('a', 'pass')]
  const { problems, seen } = judgeCanary(canary, report(gates))
  t.same(problems, [])
  t.match(seen, [{ name: 'rows_lost_count', verdict: 'fail' }])
})

t.test('its own gate green is a problem, and so is another verdict than it should have', async t => {
  for (const verdict of ['pass', 'unknown', 'not_applicable'] as const) {
    const { problems } = judgeCanary(canary, report([gate('rows_lost_count', verdict)]))
    t.same(problems, [`rows_lost_count is ${verdict}, and must be fail: evidence of rows_lost_count`])
  }
  t.same(judgeCanary({ ...canary, verdict: 'unknown' }, report([gate('rows_lost_count', 'unknown')])).problems, [])
})

t.test('one of several gates of its own green is a problem', async t => {
  const both = { ...canary, gates: ['rows_lost_count', 'a'] }
  t.same(judgeCanary(both, report([gate('rows_lost_count', 'fail'), gate('a', 'fail')])).problems, [])
  const { problems } = judgeCanary(both, report([gate('rows_lost_count', 'fail'), gate('a', 'pass')]))
  t.same(problems, ['a is pass, and must be fail: evidence of a'])
})

t.test('a fault that this machine has no means for is refused, and proves nothing', async t => {
  const error = { code: 'NOT_FIT', message: 'no controller', exit_code: 3 }
  const needing = { ...canary, needs: 'a memory control group' }
  t.match(judgeCanary(needing, report([], error)), {
    problems: [],
    refused: 'a memory control group: no controller',
  })
  t.match(judgeCanary(canary, report([], error)), { problems: [/NOT_FIT/, /no gate/], refused: null })
  t.equal(judgeCanary(needing, report([gate('rows_lost_count', 'fail')])).refused, null)
})

t.test('where all of its gates are of other levels it proves nothing, and one of them is no problem', async t => {
  const beyond = (name: string): GateVerdict => ({
    ...gate(name, 'not_applicable'),
    evidence: 'holds at level host, kvm; this run was at level tcg',
  })
  t.match(judgeCanary(canary, report([beyond('rows_lost_count')])), {
    problems: [],
    refused: 'rows_lost_count holds at level host, kvm; this run was at level tcg',
  })
  const both = { ...canary, gates: ['rows_lost_count', 'a'] }
  t.match(judgeCanary(both, report([gate('rows_lost_count', 'fail'), beyond('a')])), { problems: [], refused: null })
  t.same(judgeCanary(both, report([gate('rows_lost_count', 'pass'), beyond('a')])).problems, [
    'rows_lost_count is pass, and must be fail: evidence of rows_lost_count',
  ])
  t.same(judgeControl(report([gate('b', 'pass'), beyond('a')])), [], 'nor without a canary')
  t.match(judgeControl(report([gate('a', 'not_applicable')])), [/not_applicable without a canary/], 'too short a hold')
})

t.test('any other red is a problem; what is unknown is none', async t => {
  const gates = [gate('rows_lost_count', 'fail'), gate('a', 'fail'), gate('b', 'unknown'), gate('c', 'not_applicable')]
  t.same(judgeCanary(canary, report(gates)).problems, ['a fails as well: evidence of a'])
})

t.test('a run that ended with an error, or without the gate, proves nothing', async t => {
  const error = { code: 'DEADLINE', message: 'too late', exit_code: 4 }
  t.same(judgeCanary(canary, report([gate('rows_lost_count', 'fail')], error)).problems, [
    'the run ended with DEADLINE: too late',
  ])
  const { problems, seen } = judgeCanary(canary, report([]))
  t.same([problems, seen], [['the scenario has no gate rows_lost_count'], [null]])
})

t.test('without a canary every gate passes', async t => {
  t.same(judgeControl(report([gate('a', 'pass')])), [])
  t.same(judgeControl(report([gate('a', 'pass'), gate('b', 'not_applicable')])), [
    'b is not_applicable without a canary: evidence of b',
  ])
  t.match(judgeControl(report([], { code: 'DEADLINE', message: 'too late', exit_code: 4 })), [/DEADLINE/])
})

t.test('gates that no canary turns are named', async t => {
  t.same(unprovenGates(report([gate('rows_lost_count', 'pass'), gate('a', 'pass')]), [canary]), ['a'])
})
