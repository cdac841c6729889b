import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { judge } from '../../src/judge/judge.ts'
import { textTable } from '../../src/report/table.ts'
import { renderTerminal } from '../../src/report/terminal.ts'
import { hostileName } from '../fixtures/hostile.ts'
import { historyOf, interruptedRun, type RunData, ringRun } from '../fixtures/run-folder.ts'

function render(data: RunData, color = false): string {
  const history = historyOf(data)
  return renderTerminal(judge(history), history, { color, folder: 'runs/x' })
}

t.test('the table of the published example comes first, then the proof, gates, verdict and folder', async t => {
  const lines = render(ringRun({ nodes: 100 }))
    .split('\n')
    .map(line => line.trim())
  t.match(lines[0], /^Topology +Nodes +Wiring Time +Memory Before +Memory After +Per Node$/)
  t.match(lines[1], /^Ring +100 +\d+ ms +1\.61 GB +1\.68 GB +0\.4\d MB$/)
  t.match(lines[3], /^ring proven: 100 hops in 10 ms, 100 links agree$/)
  t.match(lines.slice(5, 7), [/^Gates$/, /^✓ +wired in time +\d+ ms +≤ 30 s +pass$/])
  t.match(lines.slice(-4), [
    /^PASS +ring, 100 nodes, level host, seed 1, .* \(exit 0\)$/,
    /^1 of 5 gates not applicable: holds at level tcg; this run was at level host$/,
    /^runs\/x$/,
    '',
  ])
})

t.test('colours only where they are asked for', async t => {
  t.notMatch(render(ringRun()), '\u001b')
  t.match(render(ringRun(), true), '\u001b[32m✓')
})

t.test('colours don’t move columns', async t => {
  const plain = render(ringRun())
  t.equal(stripVTControlCharacters(render(ringRun(), true)), plain)
})

t.test('a run that did not end says why, where and what to do', async t => {
  const data = interruptedRun()
  data.outcome = data.outcome && {
    ...data.outcome,
    residue: ['veth0a'],
    error: { code: 'NOT_FIT', message: 'two\nlines', hint: 'do this', exit_code: 3 },
  }
  const text = render(data)
  t.match(text, /Error NOT_FIT\n {2}two\n {2}lines\n {2}do this\n {2}left behind: veth0a\n/)
  t.match(text, /ERROR .*\(exit 3\)/)
  t.match(render(interruptedRun()), /Error INTERRUPTED in phase wire/)
  t.match(text, /Notes\n {2}· /)
})

t.test('unknown figures are dashes and a scenario without gates says so', async t => {
  const text = render({ ...interruptedRun({ gates: [] }), outcome: null })
  t.match(text, /Ring +\d+ +– +– +– +–\n/)
  t.match(text, /no gates/)
})

t.test('a hostile name can not steer the terminal', async t => {
  const data = ringRun({
    name: hostileName,
    gates: [{ name: hostileName, metric: hostileName, operator: '<', limit: 1 }],
  })
  const error = { code: hostileName, message: hostileName, phase: hostileName, hint: hostileName, exit_code: 6 }
  data.outcome = data.outcome && { ...data.outcome, error, notes: [hostileName], residue: [hostileName] }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is what is tested
  t.notMatch(render(data), /[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
})

t.test('columns are as wide as their widest cell, short rows are allowed', async t => {
  t.same(textTable({ head: ['a', 'bb'], rows: [['ccc', '1'], ['d']], right: [1] }), ['a    bb', 'ccc   1', 'd'])
  t.same(textTable({ rows: [] }), [])
})
