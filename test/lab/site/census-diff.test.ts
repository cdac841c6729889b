// What of two censuses is this run's doing, and what is somebody else's.

import t from 'tap'
import type { NamespaceHolder } from '../../../src/base/netns-holders.ts'
import type { ProcessEntry } from '../../../src/lab/proc/process-table.ts'
import type { Census } from '../../../src/lab/site/census.ts'
import { diffCensus, type Ours } from '../../../src/lab/site/census-diff.ts'

const RUN = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)
const SELF = 100

const entry = (pid: number, facts: Partial<ProcessEntry> = {}): ProcessEntry => ({
  pid,
  start_ticks: pid * 10,
  parent_pid: 1,
  comm: 'node',
  state: 'S',
  run_id: null,
  ...facts,
})
const held = (inode: number, pid: number, how: NamespaceHolder['how'] = 'descriptor'): NamespaceHolder => ({
  inode,
  pid,
  how,
  where: `/proc/${pid}/fd/9`,
})
const empty: Census = {
  schema: 'nslab.census/1',
  namespaces: [],
  cookies: {},
  links: ['lo'],
  processes: [entry(1), entry(SELF)],
  descriptors: { pipe: 2 },
  sysctls: { thresh: 1024 },
  ipc: [],
  shared_memory: [],
}
const census = (facts: Partial<Census>): Census => ({ ...empty, ...facts })
const ours: Ours = {
  run_id: RUN,
  pid: SELF,
  processes: [],
  namespaces: [],
  shared_memory: [],
  interfaces: ['isobr0', 'veth0a'],
  raised: {},
  leaseHolders: () => [],
  otherRunPids: [],
  keptFolders: ['/runs/x'],
}
const counts = (after: Partial<Census>, facts: Partial<Ours> = {}, before: Partial<Census> = {}): [number, number] => {
  const { residue, foreign } = diffCensus(census(before), census(after), { ...ours, ...facts })
  return [residue.length, foreign.length]
}

t.test('nothing changed is nothing said', async t => {
  t.same(diffCensus(empty, empty, ours), { residue: [], foreign: [] })
})

t.test('a namespace in the hand of one of ours is residue, whatever its number', async t => {
  const child = entry(200, { run_id: RUN })
  t.same(counts({ namespaces: [held(7, 200)], processes: [...empty.processes, child] }), [2, 0], 'it and its process')
  t.same(counts({ namespaces: [held(7, SELF)] }), [1, 0], 'in our own')
})

t.test('a namespace of another run is foreign, also when its number was one of ours', async t => {
  const other = entry(300, { run_id: OTHER })
  const after = { namespaces: [held(7, 300)], processes: [...empty.processes, other] }
  t.same(counts(after), [0, 2])
  t.same(counts(after, { namespaces: [7] }), [0, 2])
  const main = entry(301)
  const byMain = { namespaces: [held(7, 301)], processes: [...empty.processes, main] }
  t.same(counts(byMain, { namespaces: [7], otherRunPids: [301] }), [0, 2])
})

t.test(
  'a namespace of ours that an unknown program holds is residue, unless its cookie says it is another',
  async t => {
    const after = { namespaces: [held(7, 1, 'mount')] }
    t.same(counts(after), [0, 1])
    t.same(counts(after, { namespaces: [7] }), [1, 0])
    t.same(counts({ ...after, cookies: { 7: '5' } }, { namespaces: [7], cookies: { 7: '5' } }), [1, 0])
    t.same(counts({ ...after, cookies: { 7: '6' } }, { namespaces: [7], cookies: { 7: '5' } }), [0, 1])
  },
)

t.test('workers of the kernel come and go unmentioned, whoever bears their name does not', async t => {
  const worker = entry(300, { parent_pid: 2, comm: 'kworker/0:2' })
  const imitator = entry(301, { comm: 'kworker/0:2' })
  const after = census({ processes: [...empty.processes, worker, imitator] })
  t.same(diffCensus(empty, after, ours), { residue: [], foreign: ['process 301 (kworker/0:2)'] })
})

t.test("a namespace that was there before is nobody's news", async t => {
  t.same(counts({ namespaces: [held(7, 1)] }, { namespaces: [7] }, { namespaces: [held(7, 1)] }), [0, 0])
})

t.test("links of the plan in the machine's own namespace are residue, others foreign", async t => {
  t.same(counts({ links: ['lo', 'veth0a', 'docker0'] }), [1, 1])
})

t.test('processes are ours by run id, by having been seen, and by descent', async t => {
  const at = (...entries: ProcessEntry[]): Partial<Census> => ({ processes: [...empty.processes, ...entries] })
  t.same(counts(at(entry(200, { run_id: RUN }))), [1, 0])
  t.same(counts(at(entry(200, { parent_pid: SELF, state: 'Z' }))), [1, 0], 'a zombie child')
  t.same(counts(at(entry(200, { run_id: RUN, state: 'Z' }))), [0, 1], 'a zombie that init has not reaped yet')
  t.same(counts(at(entry(200, { run_id: RUN }), entry(201, { parent_pid: 200 }))), [2, 0], 'its child too')
  t.same(
    counts(at(entry(200)), { processes: [{ pid: 200, start_ticks: 2000 }] }),
    [1, 0],
    'seen, and it hides its environment',
  )
  t.same(counts(at(entry(200)), { processes: [{ pid: 200, start_ticks: 5 }] }), [0, 1], 'another process with its pid')
  t.same(counts(at(entry(200, { run_id: OTHER }), entry(201, { parent_pid: 200 }))), [0, 2])
})

t.test('many foreign findings are cut short, residue never is', async t => {
  const crowd = (run_id: string | null): ProcessEntry[] =>
    Array.from({ length: 200 }, (_, i) => entry(1000 + i, { run_id }))
  t.same(counts({ processes: [...empty.processes, ...crowd(null)] }), [0, 51])
  t.same(counts({ processes: [...empty.processes, ...crowd(RUN)] }), [200, 0])
})

t.test('more descriptors of a kind are residue; files of the run folder are not', async t => {
  t.same(counts({ descriptors: { pipe: 3, socket: 1, '/runs/x/ledger.ndjson': 1 } }), [2, 0])
  t.same(counts({ descriptors: { pipe: 1 } }), [0, 0])
})

t.test('a sysctl is residue only when it still has our value and nobody else wants it', async t => {
  const after = { sysctls: { thresh: 5000 } }
  t.same(counts(after, { raised: { thresh: 5000 } }), [1, 0])
  t.same(counts(after, { raised: { thresh: 5000 }, leaseHolders: () => [OTHER] }), [0, 1])
  t.same(counts(after), [0, 1])
})

t.test('shared memory is ours when a process of ours made or mapped it', async t => {
  const after = { ipc: [{ kind: 'shm' as const, id: 3, creator_pid: 200 }], shared_memory: ['PostgreSQL.1'] }
  t.same(counts(after), [0, 2])
  t.same(counts(after, { processes: [{ pid: 200, start_ticks: 1 }], shared_memory: ['PostgreSQL.1'] }), [2, 0])
})

t.test('what is kept on purpose is no residue, and one more of its kind is', async t => {
  const vm = entry(200, { parent_pid: SELF, comm: 'qemu-system-x86' })
  const after = { processes: [...empty.processes, vm], descriptors: { pipe: 2, socket: 4 } }
  t.same(counts(after), [2, 0])
  const kept = { pids: [200], descriptors: { socket: 4 } }
  t.same(counts(after, { kept }), [0, 0])
  const more = { processes: [...after.processes, entry(201, { parent_pid: 200 })], descriptors: { pipe: 2, socket: 5 } }
  t.same(counts(more, { kept }), [2, 0])
})
