// Soaks under a program that something else starts: a shell that starts it again whenever it ends, and helpers.

import t from 'tap'
import { readStat } from '../../../src/lab/proc/proc.ts'
import { descendants, readProcesses } from '../../../src/lab/proc/process-table.ts'
import { type NslabProcess, processesOf } from '../../fixtures/nslab-process.ts'
import { observed, startSoak } from '../../fixtures/soak-process.ts'

const GATES = ['observer_starts_count == 1', 'observer_exits_count == 0', 'churn_failed_count == 0']
  .map(gate => gate.split(' '))
  .map(([metric, ...require]) => `[[gate]]\nmetric = "${metric}"\nrequire = "${require.join(' ')}"\n`)
  .join('')

const sut = (script: string): string => `[sut]\ncommand = ["sh", "-c", ${JSON.stringify(script)}]\n${GATES}`

const LOOP = 'while :; do tail -f /dev/null; done'

/** Of the soak's processes those that the kernel calls so. */
const pidsOf = (run: NslabProcess, name: string): number[] =>
  [...descendants(readProcesses(), [run.pid])].filter(pid => readStat(pid)?.comm === name)

/** Or until the run has ended. */
async function until(run: NslabProcess, holds: () => boolean): Promise<void> {
  let isOver = false
  void run.ended.then(() => {
    isOver = true
  })
  while (!isOver && !holds()) await new Promise(resolve => setTimeout(resolve, 20))
}

/** Or too little was done for it, on a busy machine. */
const isGreen = ({ code }: { readonly code: number | null }): boolean => code === 0 || code === 5

const verdictOf = (run: NslabProcess, name: string) => run.report().gates.find(gate => gate.name === name)

t.test('a program that a shell starts again has been restarted', async t => {
  const run = startSoak(t, sut(LOOP))
  await run.inPhase('churn')
  await until(run, () => observed(run).some(line => line.is === 'child_stays'))
  for (const pid of pidsOf(run, 'tail')) process.kill(pid, 'SIGKILL')
  const ended = await run.ended
  t.equal(ended.code, 1, ended.stderr)
  t.match(verdictOf(run, 'observer_starts_count'), { verdict: 'fail', observed: 2, evidence: /\(tail\).*sut\.helpers/ })
  t.match(verdictOf(run, 'observer_exits_count'), { verdict: 'fail', observed: 1, evidence: /\(tail\) .* ended/ })
  t.equal(observed(run).filter(line => line.is === 'observer_started').length, 1, 'of which the shell was none')
  t.same(processesOf(run), [])
})

t.test('a program behind a shell that lives on passes, and its threads and memory count', async t => {
  const script = "node -e 'setInterval(() => {}, 1000)'; exit"
  const run = startSoak(t, `${sut(script)}[[gate]]\nmetric = "observer_threads_max_count"\nrequire = ">= 5"\n`)
  const ended = await run.ended
  t.ok(isGreen(ended), ended.stderr)
  t.ok((run.report().metrics.observer_rss_max_bytes as number) > 20e6, 'node has more than a shell')
  t.match(
    observed(run).filter(line => line.is === 'child_stays' || line.is === 'child_ended'),
    [{ is: 'child_stays' }],
  )
})

t.test('helpers that a program runs again and again are no restarts of it', async t => {
  const run = startSoak(
    t,
    sut('tail -f /dev/null & while :; do ls /proc > /dev/null; sleep 0.1; timeout 1 sleep 1; done'),
  )
  const ended = await run.ended
  t.ok(isGreen(ended), ended.stderr)
  t.match(run.report().metrics, { observer_starts_count: 1, observer_exits_count: 0 })
})

t.test('a fault befalls what the shell has started, too', async t => {
  const fault = (at: string, what: string): string => `[[fault]]\nat = "${at}"\ndo = "${what}"\nfor = "1500ms"\n`
  const run = startSoak(
    t,
    `${sut(LOOP).replace('== 1', '== 2')}${fault('1s', 'pause_observer')}${fault('4s', 'kill_observer')}`,
  )
  await run.inPhase('churn')
  const [pid] = pidsOf(run, 'tail')
  await until(run, () => readStat(pid as number)?.state === 'T')
  await until(run, () => readStat(pid as number) === null)
  const ended = await run.ended
  t.ok(isGreen(ended), ended.stderr)
  t.match(run.report().metrics, { faults_felt_count: 2, observer_starts_count: 2, observer_exits_count: 0 })
})
