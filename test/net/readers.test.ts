// What the benchmark of threads compares: both programs see every socket of real namespaces, with the threads that
// their models say.

import t, { type Test } from 'tap'
import { makeNamespaces, Polling } from '../../bench/readers.ts'

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
  const readers = await pollTwice(t, await Polling.threads(READERS), paths)
  t.equal(readers.threads, NAMESPACES * (READERS + 1) + 1)
  const one = await pollTwice(t, Polling.ours(), paths.slice(0, NAMESPACES))
  t.ok(one.threads < 20, `${one.threads} threads`)
})
