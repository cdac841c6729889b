// Programs in nodes that talk over the emulated network: what is told of their flows, in rows of the database.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { run } from '../../../src/base/exec.ts'
import { NslabProcess } from '../../fixtures/nslab-process.ts'
import { skipReason } from '../../fixtures/private-postgres.ts'
import { needsTun } from '../../fixtures/tun.ts'

const skip = skipReason || needsTun.skip

/** Three nodes in a line, with one route that has a number. */
const SCENARIO = `
name = "programs"
[controller]
topology = { type = "line", line_config = { n_nodes = 3 } }
routing = { protocol = "shortest_path" }
routes = [{ route = [1, 2, 3] }]
[dataplane]
metrics_collection_interval = 1
[run]
hold = "5m"`

/** TCP: takes all of one connection and says how much it was; sends so many bytes from a port of its own. */
const SINK = `require('node:net').createServer(s => { let n = 0; s.on('data', d => n += d.length)
  s.on('end', () => { s.end(); console.log('took ' + n); process.exitCode = 0 }).on('close', () => process.exit()) })
  .listen(9000, () => console.log('listening'))`
const SEND = `const s = require('node:net').connect({ host: '10.0.0.3', port: 9000, localPort: 45000 })
s.on('error', e => { console.log(e.code); process.exit(7) }).on('close', () => process.exit()).resume()
s.end(Buffer.alloc(1_000_000))`

async function started(t: Test) {
  const base = mkdtempSync(join(tmpdir(), 'nslab-programs-'))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  writeFileSync(join(base, 'x.toml'), SCENARIO)
  const folder = join(base, 'run')
  const nslab = new NslabProcess(['run', join(base, 'x.toml'), '--on', 'host', '--out', folder], { folder })
  await nslab.inPhase('hold')
  const sql = async (text: string): Promise<string> => {
    const asked = await run('psql', ['-h', join(folder, 'db'), '-U', 'pgusr', '-d', 'nextmini', '-qtAc', text])
    t.equal(asked.code, 0, asked.stderr)
    return asked.stdout.trim()
  }
  const until = async (text: string, wanted: string): Promise<void> => {
    let found = ''
    for (let left = 300; left > 0 && found !== wanted; left--) {
      await pause(100)
      found = await sql(text)
    }
    t.equal(found, wanted, text)
  }
  const program = (nodeId: number, script: string) =>
    new NslabProcess(['exec', '--run', folder, String(nodeId), '--', process.execPath, '-e', script])
  return { nslab, sql, until, program }
}

t.test('a transfer over TCP: both directions have rows, and what was moved is exact', { skip }, async t => {
  const { nslab, sql, until, program } = await started(t)
  const sink = program(3, SINK)
  for (let left = 300; left > 0 && !sink.stdout.includes('listening'); left--) await pause(100)
  const sent = await program(1, SEND).ended
  t.equal(sent.code, 0, sent.stdout + sent.stderr)
  t.match((await sink.ended).stdout, /took 1000000/)
  // 10.0.0.1 port 45000, 10.0.0.3 port 9000; and back.
  const [there, back] = ['0a0000010a000003afc8232800000000', '0a0000030a0000012328afc800000000']
  const ends = "encode(flow_id, 'hex'), src_node_id, dst_node_id, is_finished, finish_time >= start_time, route_id"
  await until(`SELECT ${ends} FROM app_flows ORDER BY src_node_id`, `${there}|1|3|t|t|1\n${back}|3|1|t|t|`)
  const moved = (id: string, node: number, other: number): string =>
    `SELECT sum(bytes) FROM metrics WHERE flow_id = '\\x${id}' AND local_node_id = ${node} AND remote_node_id = ${other}`
  // Nothing is lost on the way: once all is told, both ends have moved the same.
  const same = `SELECT (${moved(there, 1, 3)}) = (${moved(there, 3, 1)}) AND (${moved(back, 3, 1)}) = (${moved(back, 1, 3)})`
  await until(same, 't')
  const bytes = Number(await sql(moved(there, 1, 3)))
  // 1,000,000 bytes in segments of at most 1,348, each with 52 bytes of headers; connection and end beside.
  t.ok(bytes >= 1_000_000 + 742 * 52 && bytes < 1_200_000, `${bytes} bytes`)
  const refused = await program(2, SEND.replace('9000', '9001')).ended
  t.equal(refused.code, 7, 'nobody listens there')
  await until('SELECT count(*) FROM app_flows WHERE is_finished', '4')
  nslab.kill('SIGINT')
  const ended = await nslab.ended
  t.notMatch(ended.stderr, /flows of programs/)
  t.match(nslab.report().metrics, { residue_count: 0 })
})
