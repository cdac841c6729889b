// Rows changed by anybody's SQL while a run holds: they reach the nodes concerned, and those alone.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { run } from '../../../src/base/exec.ts'
import { NslabProcess } from '../../fixtures/nslab-process.ts'
import { skipReason } from '../../fixtures/private-postgres.ts'

t.test('a flow inserted by psql goes over the route inserted by psql', { skip: skipReason }, async t => {
  const base = mkdtempSync(join(tmpdir(), 'nslab-rows-'))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const folder = join(base, 'run')
  const nslab = new NslabProcess(['run', 'ring', '--nodes', '8', '--set', 'run.hold=5m', '--out', folder], { folder })
  await nslab.inPhase('hold')
  const sql = async (text: string): Promise<string> => {
    const asked = await run('psql', ['-h', join(folder, 'db'), '-U', 'pgusr', '-d', 'nextmini', '-qtAc', text])
    t.equal(asked.code, 0, asked.stderr)
    return asked.stdout.trim()
  }
  await sql("INSERT INTO routes (src_node_id, dst_node_id, edges) VALUES (2, 5, '[[2,3],[3,4],[4,5]]')")
  await sql("INSERT INTO flows (src_node_id, dst_node_id, flow_len_type, flow_len_bytes) VALUES (2, 5, 'bytes', 1000)")
  await sql("INSERT INTO flows (src_node_id, dst_node_id, flow_len_type, flow_len_bytes) VALUES (3, 4, 'bytes', 1000)")
  await sql('DELETE FROM flows WHERE src_node_id = 3')
  await sql("INSERT INTO routes (src_node_id, dst_node_id, edges) VALUES (1, 3, '[[1,2],[2,3]]')")
  let finished = ''
  for (let left = 300; left > 0 && finished !== 't'; left--) {
    await pause(100)
    finished = await sql('SELECT is_finished FROM flows WHERE src_node_id = 2')
  }
  t.equal(finished, 't', 'the flow has gone over the route')
  t.equal(await sql('SELECT count(*) FROM flows'), '1')
  await sql('INSERT INTO probe_requests (from_node_id, to_node_id, probe_bytes) VALUES (6, 7, 140000)')
  await sql(`INSERT INTO links VALUES (3, 4, '{"delay_s": 0.02}')`)
  const link = (): NslabProcess => new NslabProcess(['link', '3', '4', '--forward', '--run', folder], { folder })
  let shaped = ''
  for (let left = 50; left > 0 && !shaped.includes('delay'); left--) shaped = (await link().ended).stdout
  t.equal(shaped, '3 to 4: delay 20 ms\n', 'nslab link says how the row shapes it')
  let measured = ''
  for (let left = 300; left > 0 && measured === ''; left--) {
    await pause(100)
    measured = await sql('SELECT from_node_id, to_node_id, received_packets, bandwidth_mbps > 0 FROM probe_results')
  }
  t.equal(measured, '6|7|100|t', 'the link that a row asked about was measured')
  nslab.kill('SIGINT')
  await nslab.ended
  const report = nslab.report()
  t.equal(report.error?.code, 'INTERRUPTED')
  t.match(report.metrics, { flows_held_count: 0, routes_held_count: 7 })
})
