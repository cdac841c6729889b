// Rows changed by anybody's SQL while a run holds: they reach the nodes concerned, and those alone.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../../src/base/exec.ts'
import { NslabProcess } from '../fixtures/nslab-process.ts'
import { skipReason } from '../fixtures/private-postgres.ts'

t.test(
  'a flow and a route inserted by psql are held by their nodes when the run ends',
  { skip: skipReason },
  async t => {
    const base = mkdtempSync(join(tmpdir(), 'nslab-rows-'))
    t.teardown(() => rmSync(base, { recursive: true, force: true }))
    const folder = join(base, 'run')
    const nslab = new NslabProcess(['run', 'ring', '--nodes', '8', '--set', 'run.hold=3s', '--out', folder], { folder })
    await nslab.inPhase('hold')
    const sql = async (text: string): Promise<void> => {
      const asked = await run('psql', ['-h', join(folder, 'db'), '-U', 'pgusr', '-d', 'nextmini', '-qc', text])
      t.equal(asked.code, 0, asked.stderr)
    }
    await sql(
      "INSERT INTO flows (src_node_id, dst_node_id, flow_len_type, flow_len_bytes) VALUES (2, 5, 'bytes', 1000)",
    )
    await sql(
      "INSERT INTO flows (src_node_id, dst_node_id, flow_len_type, flow_len_bytes) VALUES (3, 4, 'bytes', 1000)",
    )
    await sql('DELETE FROM flows WHERE src_node_id = 3')
    await sql("INSERT INTO routes (src_node_id, dst_node_id, edges) VALUES (1, 3, '[[1,2],[2,3]]')")
    await nslab.ended
    const report = nslab.report()
    t.notOk(report.error)
    t.match(report.metrics, { flows_held_count: 2, routes_held_count: 3 })
  },
)
