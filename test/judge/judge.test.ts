import { appendFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { digestOf } from '../../src/judge/digest.ts'
import { readHistory } from '../../src/judge/history.ts'
import { judge } from '../../src/judge/judge.ts'
import { historyOf, interruptedRun, ringRun, withUplink, writeRunFolder } from '../fixtures/run-folder.ts'

t.test('a good run passes and says what it ran', async t => {
  const report = judge(historyOf(ringRun({ nodes: 30 })))
  t.match(report, {
    schema: 'nslab.report/1',
    verdict: 'pass',
    exit_code: 0,
    scenario: 'ring',
    seed: 1,
    level: 'host',
    hosts: [{ name: 'host0', level: 'host', nodes_count: 30, node_id_offset: 0 }],
    notes: [],
  })
  t.same(
    report.gates.map(gate => gate.verdict),
    ['pass', 'pass', 'pass', 'pass', 'not_applicable'],
  )
  t.notOk(Object.hasOwn(report, 'error'))
  t.notOk(Object.hasOwn(report.hosts[0] ?? {}, 'uplink_mtu_bytes'), 'there are no others')
  t.match(judge(historyOf(withUplink(ringRun(), 9000))).hosts, [{ name: 'host0', uplink_mtu_bytes: 9000 }])
})

t.test('the same data give the same report, from memory or from a folder anywhere', async t => {
  const data = ringRun()
  const folders = [writeRunFolder(data), writeRunFolder(data)]
  for (const folder of folders) t.teardown(folder.remove)
  const reports = [judge(historyOf(data)), ...folders.map(folder => judge(readHistory(folder.path)))]
  const texts = reports.map(report => JSON.stringify(report))
  t.equal(new Set(texts).size, 1)
})

t.test('the digest covers everything above it', async t => {
  const { digest, ...body } = judge(historyOf(ringRun()))
  t.equal(digest, digestOf(body))
  const other = ringRun()
  other.outcome = other.outcome && { ...other.outcome, notes: ['one more'] }
  t.not(judge(historyOf(other)).digest, digest)
})

t.test('each gate of the ring can fail: its canary is caught', async t => {
  const canaries: Record<string, (metrics: Record<string, number>) => string[]> = {
    'memory per node': metrics => {
      metrics.memory_after_bytes = 9e12
      return []
    },
    'nothing left behind': metrics => {
      metrics.residue_count = 1
      return ['link veth0a']
    },
  }
  for (const [name, put] of Object.entries(canaries)) {
    const data = ringRun()
    const metrics = { ...data.outcome?.metrics }
    const residue = put(metrics)
    data.outcome = data.outcome && { ...data.outcome, metrics, residue }
    const report = judge(historyOf(data))
    t.match(report, { verdict: 'fail', exit_code: 1 }, name)
    t.equal(report.gates.find(gate => gate.name === name)?.verdict, 'fail', name)
  }
})

t.test('an interrupted run is an error with its exit code, and keeps what was seen', async t => {
  const report = judge(historyOf(interruptedRun({ nodes: 100 })))
  t.match(report, { verdict: 'error', exit_code: 130, error: { code: 'INTERRUPTED', phase: 'wire' } })
  t.ok((report.metrics.nodes_count ?? 0) > 0)
  t.ok((report.metrics.nodes_count ?? 100) < 100)
  t.ok(report.phases.some(phase => phase.name === 'wire'))
})

t.test('a killed run still has a report, whatever of its files is left', async t => {
  const files = ['environment.json', 'events.ndjson', 'samples.ndjson', 'ledger.ndjson']
  for (const missing of [[], ...files.map(file => [file]), files]) {
    const folder = writeRunFolder({ ...interruptedRun(), outcome: null })
    t.teardown(folder.remove)
    appendFileSync(join(folder.path, 'events.ndjson'), '{"t_s":0.4,"fr')
    for (const file of missing) rmSync(join(folder.path, file))
    const report = judge(readHistory(folder.path))
    t.match(report, { verdict: 'error', exit_code: 5, error: { code: 'RUN_UNFINISHED' } }, missing.join(' '))
    t.notOk(report.gates.some(gate => gate.verdict === 'pass' && gate.observed === null))
  }
})

t.test('where the environment is lost, so is the level, and gates that ask for it are unknown', async t => {
  const folder = writeRunFolder(ringRun())
  t.teardown(folder.remove)
  rmSync(join(folder.path, 'environment.json'))
  const report = judge(readHistory(folder.path))
  t.equal(report.verdict, 'unknown')
  t.same(
    report.gates.map(gate => gate.verdict),
    ['unknown', 'pass', 'pass', 'pass', 'unknown'],
  )
})

t.test('corruption makes the run unknown, never a pass', async t => {
  const folder = writeRunFolder(ringRun())
  t.teardown(folder.remove)
  appendFileSync(join(folder.path, 'events.ndjson'), 'garbage\n')
  const report = judge(readHistory(folder.path))
  t.match(report, { verdict: 'unknown', exit_code: 5, notes: [/events.ndjson line \d+ is corrupt/] })
})

t.test('a run without a gate that applies is unknown', async t => {
  t.match(judge(historyOf(ringRun({ gates: [] }))), { verdict: 'unknown', exit_code: 5, gates: [] })
})

t.test('a memory limit within what memory moved by on its own proves nothing', async t => {
  const verdict = (limit: number) => {
    const gates = [{ name: 'memory', metric: 'memory_per_node_bytes', operator: '<=', limit }] as const
    return judge(historyOf(ringRun({ gates }))).gates[0]?.verdict
  }
  const { memory_per_node_bytes: perNode = 0 } = judge(historyOf(ringRun())).metrics
  t.equal(verdict(perNode + 1000), 'unknown')
  t.equal(verdict(perNode - 1000), 'unknown')
  t.equal(verdict(perNode * 2), 'pass')
  t.equal(verdict(perNode / 2), 'fail')
})
