// A node's link is deleted from outside while a run holds: what becomes of the run is as configured.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { run } from '../../../src/base/exec.ts'
import type { RunEvent } from '../../../src/protocol/events.ts'
import { NslabProcess } from '../../fixtures/nslab-process.ts'

const NODE = 3

function startRun(t: Test, ...sets: readonly string[]): NslabProcess {
  const base = mkdtempSync(join(tmpdir(), 'nslab-death-'))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const folder = join(base, 'run')
  const settings = sets.flatMap(set => ['--set', set])
  return new NslabProcess(['run', 'ring', '--nodes', '6', ...settings, '--out', folder], { folder })
}

function events(nslab: NslabProcess): RunEvent[] {
  const lines = readFileSync(join(nslab.folder, 'events.ndjson'), 'utf8').split('\n').slice(0, -1)
  return lines.map(line => JSON.parse(line) as RunEvent)
}

/** The dataplane's own word on where a node's namespace is. */
async function placeOf(nslab: NslabProcess, nodeId: number): Promise<{ pid: number; fd: number; cookie: string }> {
  const socket = connect(join(nslab.folder, 'fleet.sock'))
  socket.write(`${JSON.stringify({ node_id: nodeId })}\n`)
  for await (const line of createInterface({ input: socket })) {
    socket.destroy()
    return JSON.parse(line)
  }
  throw new Error('the fleet did not answer')
}

/** Deletes the node's interface, as no part of nslab would. */
async function killNode(t: Test, nslab: NslabProcess): Promise<string> {
  await nslab.inPhase('hold')
  const { pid, fd, cookie } = await placeOf(nslab, NODE)
  const ended = await run('nsenter', [`--net=/proc/${pid}/fd/${fd}`, 'ip', 'link', 'del', `veth${NODE - 1}b`])
  t.equal(ended.code, 0, ended.stderr)
  return cookie
}

/** Resolves when the run has saved an event that satisfies `wanted`, or has ended. */
async function until(nslab: NslabProcess, wanted: (event: RunEvent) => boolean): Promise<RunEvent | undefined> {
  let isOver = false
  void nslab.ended.then(() => (isOver = true))
  for (;;) {
    const found = events(nslab).find(wanted)
    if (found !== undefined || isOver) return found
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

const ofNode =
  (kind: RunEvent['kind'], cookieBefore = '') =>
  (event: RunEvent): boolean =>
    event.kind === kind &&
    'node_id' in event &&
    event.node_id === NODE &&
    !('netns_cookie' in event && event.netns_cookie === cookieBefore)

t.test('restart: it is wired again in a namespace of its own, and the run is judged as ever', async t => {
  const nslab = startRun(t, 'run.hold=20s', 'dataplane.on_node_death=restart')
  const cookie = await killNode(t, nslab)
  const up = await until(nslab, ofNode('node_up', cookie))
  t.ok(up, 'up again')
  const again = await until(nslab, event => event.kind === 'all_wired' && event.t_s > (up as RunEvent).t_s)
  t.ok(again, 'wired again')
  nslab.kill('SIGINT')
  await nslab.ended
  const report = nslab.report()
  t.match(report.metrics, { restarts_count: 1, lost_count: 0, residue_count: 0 })
  const ledger = readFileSync(join(nslab.folder, 'ledger.ndjson'), 'utf8')
  t.match(ledger, new RegExp(`"cookie":"${(up as { netns_cookie: string }).netns_cookie}"`))
})

t.test('report: the controller hears of it at once, and the run goes on to its end and counts the loss', async t => {
  const nslab = startRun(t, 'run.hold=6s', 'dataplane.on_node_death=report')
  await killNode(t, nslab)
  const ended = await nslab.ended
  const [lost, left] = [events(nslab).find(ofNode('node_lost')), events(nslab).find(ofNode('node_left'))]
  t.match(lost, { reason: /link/ })
  t.match(left, { from: 'controller', reason: /link/ }, 'by its own pings it would know in 15 to 30 s')
  t.ok((left?.t_s ?? 1e9) - (lost?.t_s ?? 0) < 3)
  const report = nslab.report()
  t.match(report.metrics, { restarts_count: 0, lost_count: 1, residue_count: 0 }, ended.stderr)
  t.notOk(report.error)
})

t.test('fatal: the run ends at once, says which node, and leaves nothing', async t => {
  const nslab = startRun(t, 'run.hold=600s', 'dataplane.on_node_death=fatal')
  await killNode(t, nslab)
  t.equal((await nslab.ended).code, 6)
  const report = nslab.report()
  t.match(report.error, { code: 'PROGRAM_FAILED', message: /node lost: 3/ })
  t.equal(report.metrics.residue_count, 0)
})
