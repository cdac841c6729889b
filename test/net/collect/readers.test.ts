// What the benchmark of threads compares: both programs see every socket of real namespaces, with the threads that
// their models say.

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeNamespaces, Polling } from '../../../bench/readers.ts'
import { NslabProcess } from '../../fixtures/nslab-process.ts'

const NAMESPACES = 5
const CONNECTIONS = 8
const READERS = 3
/** Both ends of each connection, and what listens. */
const SOCKETS = NAMESPACES * (2 * CONNECTIONS + 1)

async function pollTwice(t: Test, program: Polling, paths: readonly string[]) {
  t.teardown(() => program.end())
  await program.begin(paths)
  for (let poll = 0; poll < 2; poll++) {
    const { rows, seconds } = await program.poll()
    t.equal(rows, SOCKETS)
    t.ok(seconds > 0)
  }
  return program.cost()
}

t.test('a thread parked in each namespace with its readers, and one poller for all, see the same', async t => {
  const { paths, loader } = await makeNamespaces(NAMESPACES, CONNECTIONS)
  t.teardown(() => loader.stop())
  t.equal(paths.length, NAMESPACES)
  const readers = await pollTwice(t, Polling.threads(READERS), paths)
  t.equal(readers.threads, NAMESPACES * (READERS + 1) + 1)
  const one = await pollTwice(t, Polling.ours(), paths.slice(0, NAMESPACES))
  t.ok(one.threads < 20, `${one.threads} threads`)
})

t.test('under churn it has its threads in every namespace, in place of the observer', async t => {
  const folder = join(t.testdir({}), 'run')
  const sets = ['churn.namespaces=15', 'churn.rate_per_s=4'].flatMap(each => ['--set', each])
  const words = ['run', 'reader-per-namespace', '--on', 'host', '--out', folder, '--duration', '3s', ...sets]
  const run = new NslabProcess(words, { folder })
  const { stderr } = await run.ended
  const { gates, metrics } = run.report()
  const failed = gates.filter(({ verdict }) => verdict !== 'pass').map(({ name }) => name)
  t.same(failed, ['readers_there'], `it has as many threads as 15 namespaces make: ${stderr}`)
  t.ok((metrics.observer_threads_max_count ?? 0) >= 15 * 5 + 1, `${metrics.observer_threads_max_count} threads`)
})
