// Runs the C++ tests of socket dumps under sanitizers, and holds a row's layout there and here together.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { ROW_BYTES, SocketRows } from '../../src/protocol/socket-row.ts'

const native = fileURLToPath(new URL('../../native', import.meta.url))
const parts = ['base/status', 'base/sys', 'base/thread', 'netns/netns', 'netns/switch_log']
const objects = ['poll_loop', 'poller', 'reply', 'request', 'socket'].map(name => `diag/${name}`)

// Compiling takes most of it.
t.setTimeout(300_000)

/** Builds a test program as one unit: the standard headers, most of the work, are read once. */
async function build(t: Test, name: string, sanitizers: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-diag-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const program = join(folder, name)
  const unit = [...parts, ...objects, `test/${name}`].map(source => `#include "${source}.cc"\n`).join('')
  const sanitize = [`-fsanitize=${sanitizers}`, '-fno-sanitize-recover=all']
  const options = ['-std=gnu++20', '-O0', '-g1', '-w', '-pthread', ...sanitize, '-I', native]
  await withInput(process.env.CXX ?? 'c++', [...options, '-x', 'c++', '-', '-o', program], unit)
  return program
}

/** Runs a program to its end; resolves to its output, rejects where it fails. */
function withInput(program: string, args: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stdout}\n${stderr}`))
      else resolve(stdout)
    })
    child.stdin?.end(input)
  })
}

function sameAsTold(t: Test, output: string, least: number): void {
  const lines = output.split('\n').filter(line => /^(not )?ok /.test(line))
  t.ok(lines.length >= least)
  for (const line of lines) t.match(line, /^ok /, line)
}

t.test('requests and answers do as their C++ tests say, and a row reads as it was written', async t => {
  const seed = process.env.NSLAB_TEST_SEED ?? String(Date.now() % 2 ** 31)
  t.comment(`NSLAB_TEST_SEED=${seed}`)
  const output = await withInput(await build(t, 'diag_test', 'address,undefined'), [seed], '')
  sameAsTold(t, output, 13)
  const row = Buffer.from(/^# row ([0-9a-f]+)$/m.exec(output)?.[1] ?? '', 'hex')
  t.equal(row.length, ROW_BYTES)
  // Behind another one, so that the record's own place counts.
  const buffer = new Uint8Array([...Buffer.alloc(ROW_BYTES), ...row]).buffer
  const rows = new SocketRows(buffer, 2)
  t.equal(rows.poll(1), 5)
  t.equal(rows.slot(1), 6)
  t.strictSame(rows.facts(1, 1000), {
    at_s: 1004.294967303,
    mono_s: 4.294967303,
    cookie: '12379813738877118345',
    family: 6,
    state: 'ESTABLISHED',
    src: '102:304:506:708:90a:b0c:d0e:f10',
    src_port: 4001,
    dst: '6566:6768:696a:6b6c:6d6e:6f70:7172:7374',
    dst_port: 4002,
    inode: 12,
    uid: 11,
    cgroup_id: '16045690981402826360',
    receive_queue_bytes: 9,
    send_queue_bytes: 10,
    congestion: 'cubic',
    tcp: {
      rtt_s: 0.00002,
      rtt_variance_s: 0.000021,
      congestion_window_count: 22,
      retransmits_count: 23,
      bytes_sent_bytes: 2 ** 40 + 25,
      bytes_received_bytes: 24,
      memory_bytes: 1000 + 1004 + 1005 + 1006 + 1007,
    },
  })
})

for (const sanitizers of ['address,undefined', 'thread']) {
  t.test(`dumps that meet with everything do as their C++ tests say, under ${sanitizers}`, async t => {
    sameAsTold(t, await withInput(await build(t, 'diag_dumps_test', sanitizers), [], ''), 20)
  })
}
