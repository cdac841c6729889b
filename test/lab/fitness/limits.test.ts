// Fitness: every limit alone, all at once, and the doctor's sums.

import t from 'tap'
import { type Claims, NO_CLAIMS } from '../../../src/lab/fitness/claims.ts'
import { diagnose } from '../../../src/lab/fitness/doctor.ts'
import { checkFitness, describeProblem, notFit } from '../../../src/lab/fitness/limits.ts'
import { type Machine, parseLimit, readMachine } from '../../../src/lab/fitness/machine.ts'
import { needsForNodes } from '../../../src/lab/plan/needs.ts'

const big: Machine = {
  root: true,
  cpus_count: 2,
  open_files: { soft: 1e6, hard: 1e6 },
  net_namespaces_max: 1e6,
  neighbours: { limit: 1024, leasable: true },
  memory_available_bytes: 64e9,
  disk: { folder: '/x', available_bytes: 1e12 },
  tasks_available: 10_000,
  claimed: NO_CLAIMS,
  kernel_refusals: [],
}
const limitsOf = (machine: Partial<Machine>, needs = needsForNodes(800)): string[] =>
  checkFitness(needs, { ...big, ...machine }).map(problem => problem.limit)

t.test('a big machine is fit', async t => {
  t.same(limitsOf({}), [])
})

t.test('each limit that is too small is named', async t => {
  t.same(limitsOf({ open_files: { soft: 1e6, hard: 4000 } }), ['open_files'])
  t.same(limitsOf({ net_namespaces_max: 800 }), ['net_namespaces'])
  t.same(limitsOf({ memory_available_bytes: 4e8 }), ['memory'])
  t.same(limitsOf({ disk: { folder: '/x', available_bytes: 1e6 } }), ['disk'])
  t.same(limitsOf({ tasks_available: 40 }), ['tasks'])
  t.same(limitsOf({ kernel_refusals: [{ feature: 'veth_and_bridge', reason: 'EOPNOTSUPP', remedy: 'modprobe' }] }), [
    'veth_and_bridge',
  ])
})

t.test('what other runs may still take is not there for this one', async t => {
  const needs = needsForNodes(800)
  const tasks = 2 * (16 + 2) + 16
  const rooms: readonly [
    limit: string,
    claim: keyof Claims,
    machine: (room: number) => Partial<Machine>,
    needed: number,
  ][] = [
    ['net_namespaces', 'namespaces_count', room => ({ net_namespaces_max: room }), needs.namespaces_count],
    ['memory', 'memory_bytes', room => ({ memory_available_bytes: room }), needs.memory_bytes],
    ['disk', 'disk_bytes', room => ({ disk: { folder: '/x', available_bytes: room } }), needs.disk_bytes],
    ['tasks', 'tasks_count', room => ({ tasks_available: room }), tasks],
  ]
  for (const [limit, claim, machineOf, needed] of rooms) {
    const claims = 2 ** 30
    const of = (claimed: number): Machine => ({
      ...big,
      ...machineOf(needed + claims),
      claimed: { ...NO_CLAIMS, [claim]: claimed },
    })
    t.same(checkFitness(needs, of(claims)), [], limit)
    const [problem, ...more] = checkFitness(needs, of(claims + 1))
    t.same(more, [])
    t.match(problem, { limit, observed: /^[\d,]+( MiB)? of [\d,]+( MiB)?: other live runs may take [\d,]+( MiB)?$/ })
    t.match(problem?.remedy, /^wait for the other runs, or /)
    const found = diagnose(10, of(claims)).limits.find(each => each.limit === limit)
    t.equal(found?.available, needed, 'the doctor leaves it out, too')
  }
})

t.test('what is needed of tasks and disk is the run\u2019s own', async t => {
  const needs = needsForNodes(800)
  // Two programs with 16 threads and one a processor each, and a database.
  t.same(limitsOf({ tasks_available: 2 * (16 + 2) + 16 }), [])
  t.same(limitsOf({ tasks_available: 2 * (16 + 2) + 15 }), ['tasks'])
  t.same(limitsOf({ tasks_available: 60 }, { ...needs, programs_count: 6 }), ['tasks'])
  t.same(limitsOf({ disk: { folder: '/x', available_bytes: 1e9 } }, { ...needs, disk_bytes: 2e9 }), ['disk'])
  const { programs_count: _, tasks_count: __, disk_bytes: ___, ...before } = needs
  t.same(limitsOf({}, before as typeof needs), [], 'a plan of before, which says nothing of them')
})

t.test('all that are too small are named at once, each with a remedy', async t => {
  const machine = { ...big, open_files: { soft: 9, hard: 9 }, net_namespaces_max: 9, memory_available_bytes: 9 }
  const problems = checkFitness(needsForNodes(800), machine)
  t.same(
    problems.map(problem => problem.limit),
    ['open_files', 'net_namespaces', 'memory'],
  )
  const error = notFit(problems)
  t.equal(error.exitCode, 3)
  t.same(error.facts.limits, ['open_files', 'net_namespaces', 'memory'])
  for (const problem of problems) t.match(describeProblem(problem), problem.remedy)
})

t.test('a neighbour table that is too small is a problem only where it can not be leased', async t => {
  const needs = { ...needsForNodes(800), neighbours_count: 2000 }
  t.same(limitsOf({}, needs), [])
  t.same(limitsOf({ neighbours: { limit: 1024, leasable: false } }, needs), ['neighbours'])
  t.same(limitsOf({ neighbours: { limit: null, leasable: false } }, needs), ['neighbours'])
  t.same(limitsOf({ neighbours: { limit: 65_536, leasable: false } }, needs), [])
})

t.test('missing cookies are a note, not a problem', async t => {
  const machine = {
    ...big,
    kernel_refusals: [{ feature: 'namespace_cookies', reason: 'old kernel', remedy: 'new kernel' }],
  }
  const diagnosis = diagnose(100, machine)
  t.equal(diagnosis.fit, true)
  t.equal(diagnosis.notes.length, 1)
})

t.test('the doctor names the smallest limit and how many nodes it allows', async t => {
  const diagnosis = diagnose(5000, { ...big, open_files: { soft: 20_000, hard: 20_000 } })
  t.match(diagnosis, { fit: false, smallest_limit: 'open_files', nodes_max: 3974 })
  t.same(
    diagnosis.problems.map(problem => problem.limit),
    ['open_files'],
  )
  t.equal(diagnose(3974, { ...big, open_files: { soft: 20_000, hard: 20_000 } }).fit, true)
  t.equal(diagnose(3975, { ...big, open_files: { soft: 20_000, hard: 20_000 } }).fit, false)
})

t.test('a neighbour table that can not be raised is advice to the doctor', async t => {
  const diagnosis = diagnose(800, { ...big, neighbours: { limit: 1024, leasable: false } })
  t.equal(diagnosis.fit, true)
  t.equal(diagnosis.notes.length, 2)
})

t.test('without namespaces no node fits', async t => {
  const refusal = { feature: 'network_namespaces', reason: 'EPERM', remedy: 'root' }
  t.match(diagnose(1, { ...big, kernel_refusals: [refusal] }), { fit: false, nodes_max: 0, smallest_limit: 'kernel' })
})

t.test("limits are read from the kernel's table", async t => {
  const text =
    'Limit                     Soft Limit           Hard Limit           Units     \n' +
    'Max processes             96365                unlimited            processes \nMax open files            1024                 20000                files     \n'
  t.same(parseLimit(text, 'Max open files'), { soft: 1024, hard: 20_000 })
  t.same(parseLimit(text, 'Max processes'), { soft: 96_365, hard: Number.POSITIVE_INFINITY })
})

t.test('this machine can be read', async t => {
  const machine = await readMachine({ folder: 'not/there/yet' })
  t.ok(machine.open_files.hard > 0 && machine.memory_available_bytes > 0 && machine.disk.available_bytes > 0)
  t.ok(machine.tasks_available > 0 && machine.net_namespaces_max > 0)
})
