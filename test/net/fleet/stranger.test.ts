// A program inside a run's fabric that wants to be one of its nodes.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { run } from '../../../src/base/exec.ts'
import { cliPath, NslabProcess } from '../../fixtures/nslab-process.ts'

const VICTIM = 2

/** Says it is the victim's next life, and prints the controller's answer. */
const script = `
  const { WebSocket } = require(${JSON.stringify(createRequire(import.meta.url).resolve('ws'))})
  const socket = new WebSocket('ws://172.16.8.1:3000')
  const address = '172.16.8.3:8080'
  socket.on('open', () => socket.send(JSON.stringify({ type: 'StartUp', node_id: ${VICTIM}, incarnation: 1e9,
    private_network_name: '', private_network_addr: address, public_network_addr: address })))
  socket.on('message', answer => { console.log(String(answer)); socket.close() })`

t.test("a command in a node can not take another node's place, though no file names a token", async t => {
  const base = mkdtempSync(join(tmpdir(), 'nslab-stranger-'))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const folder = join(base, 'run')
  const nslab = new NslabProcess(
    ['run', 'ring', '--nodes', '4', '--on', 'host', '--set', 'run.hold=600s', '--out', folder],
    { folder },
  )
  await nslab.inPhase('hold')
  const intruder = await run(process.execPath, [
    cliPath,
    'exec',
    '--run',
    folder,
    '3',
    '--',
    process.execPath,
    '-e',
    script,
  ])
  t.equal(intruder.code, 0, intruder.stderr)
  t.match(JSON.parse(intruder.stdout), { type: 'Refused', code: 'token_required' })
  nslab.kill('SIGINT')
  await nslab.ended
  t.match(nslab.report().metrics, { refusals_count: 1, restarts_count: 0, lost_count: 0, residue_count: 0 })
  const events = readFileSync(join(folder, 'events.ndjson'), 'utf8')
  t.equal(events.match(/"kind":"node_connected"/g)?.length, 4, 'every node joined once')
  const told = ['plan.json', 'environment.json', 'ledger.ndjson', 'events.ndjson'].filter(name =>
    /secret/.test(readFileSync(join(folder, name), 'utf8')),
  )
  t.same(told, [], 'and nobody is told the token')
})
