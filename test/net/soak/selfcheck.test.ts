// nslab selfcheck as people run it: every canary in a real soak on this machine turns its gate, and none other than it
// may; without one all gates pass.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'smol-toml'
import t from 'tap'
import { canaries } from '../../../src/cli/selfcheck/canaries.ts'
import { readCanaryBook } from '../../../src/lab/state/canary-book.ts'
import { NslabProcess } from '../../fixtures/nslab-process.ts'

/** What its gates are about. */
function scenarioOf(name: string): { readonly metrics: readonly string[] } {
  const file = fileURLToPath(new URL(`../../../soak/scenarios/${name}.toml`, import.meta.url))
  const { gate } = parse(readFileSync(file, 'utf8')) as unknown as { readonly gate: { readonly metric: string }[] }
  return { metrics: gate.map(({ metric }) => metric) }
}

t.test('all canaries are caught, and the book says when', async t => {
  const folder = t.testdir()
  const startedAt = new Date().toISOString()
  const args = ['selfcheck', '--jobs', '2', '--set', 'hosts.on=host', '--out', folder]
  const { code, stdout, stderr } = await new NslabProcess(args).ended
  t.equal(code, 0, `${stdout}\n${stderr}`)
  t.match(stdout, new RegExp(`PASS  ${canaries.length} canaries`))
  t.notMatch(stdout, 'without a canary of their own', 'every gate has one')
  const gated = new Set(canaries.flatMap(({ gates }) => gates))
  const { metrics } = scenarioOf('churn')
  t.same(
    metrics.filter(metric => !gated.has(metric)),
    [],
    'those of the scenario churn too',
  )
  const book = readCanaryBook()
  for (const { name, gates } of canaries)
    for (const gate of gates) {
      t.match(stdout, new RegExp(`✓ +${name} +${gate} +fail`))
      t.ok((book[gate]?.at ?? '') >= startedAt, gate)
    }
  const { gates } = JSON.parse(readFileSync(join(folder, 'oom-kill', 'report.json'), 'utf8'))
  const { evidence } = gates.find(({ name }: { name: string }) => name === 'oom_kills_count')
  t.match(evidence, /killed by SIGKILL, for want of memory; 1 by the count of its control group/, 'by two sources')
})

t.test('a canary that nothing catches fails the selfcheck', async t => {
  // With this limit the gate can't turn.
  const lost = scenarioOf('selfcheck').metrics.indexOf('rows_lost_count')
  const set = ['--set', `gate[${lost}].require=<= 1e9`, '--set', 'hosts.on=host', '--set', 'run.hold=4s']
  const folder = t.testdir()
  const args = ['selfcheck', 'lose-rows', '--out', folder, ...set]
  const { code, stdout } = await new NslabProcess(args).ended
  t.equal(code, 1)
  t.match(stdout, /✗ +lose-rows +rows_lost_count .*rows_lost_count is pass, and must be fail/)
  t.ok(existsSync(join(folder, 'lose-rows-again', 'report.json')), 'it was tried once more')
})

t.test('canaries are listed, and a name that is none is told', async t => {
  const listed = await new NslabProcess(['selfcheck', '--list']).ended
  t.equal(listed.code, 0)
  for (const { name, gates } of canaries) t.match(listed.stdout, new RegExp(`${name} +${gates.join(', ')} `))
  for (const [out, why] of [
    ['/etc/passwd', 'ENOTDIR'],
    ['/proc/nowhere', 'ENOENT'],
  ] as const) {
    const refused = await new NslabProcess(['selfcheck', 'lose-rows', '--out', out]).ended
    t.equal(refused.code, 6, refused.stderr)
    t.match(refused.stderr, `cannot write ${out}: ${why}`)
  }
  const wrong = await new NslabProcess(['selfcheck', 'lose-row']).ended
  t.equal(wrong.code, 2)
  t.match(wrong.stderr, 'did you mean "lose-rows"')
})
