// nslab collect over real namespaces: every socket is a row of the namespace that it is in, from the moment the
// namespace is found until it is gone; and how a collector is asked, changed and ended.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { askCollector, type ControlAnswer } from '../../../src/dataplane/collector/control.ts'
import type { CollectedSocket } from '../../../src/protocol/collected.ts'
import { Collecting, type Populated, populate } from '../../fixtures/collecting.ts'
import { isApart, startHolder, untilRemoved } from '../../fixtures/netns-holder.ts'
import { cliPath } from '../../fixtures/nslab-process.ts'

/** No beat after the first in the time of a test. */
const NEVER = ['--interval', '1h']

/** What the kernel has of a populated namespace: a listener, and connections by their two ends. */
const shapeOf = (rows: readonly CollectedSocket[]): Record<string, number> => {
  const shape: Record<string, number> = {}
  for (const { state, family, src_port, dst_port } of rows) {
    const end =
      state === 'LISTEN' ? `listens at ${src_port}` : src_port > dst_port ? `to ${dst_port}` : `from ${src_port}`
    const key = `${state} ${family} ${end}`
    shape[key] = (shape[key] ?? 0) + 1
  }
  return shape
}

const expected = ({ port }: Populated, connections: number): Record<string, number> => ({
  [`LISTEN 4 listens at ${port}`]: 1,
  [`ESTABLISHED 4 to ${port}`]: connections,
  [`ESTABLISHED 4 from ${port}`]: connections,
})

function polledOf(answer: ControlAnswer): Extract<ControlAnswer, { is: 'polled' }>['poll'] {
  if (answer.is !== 'polled') throw new Error(answer.is)
  return answer.poll
}

/** Polls that say another number of rows than came. */
function missing(collecting: Collecting): unknown[] {
  const rows = collecting.rowsOfPolls()
  return collecting
    .all('poll')
    .map(({ poll, sockets_count, dropped_count }) => [poll, sockets_count - dropped_count, rows.get(poll) ?? 0])
    .filter(([, said, came]) => said !== came)
}

const controlled = (t: Test): string => join(t.testdir({}), 'c')

function tests(): void {
  t.test('its malloc has one arena for all threads, unless its environment says another', async t => {
    const environmentOf = (pid: number): string[] => readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    for (const [prefix, said] of [
      [[], 'MALLOC_ARENA_MAX=1'],
      [['env', 'MALLOC_ARENA_MAX=3'], 'MALLOC_ARENA_MAX=3'],
    ] as const) {
      const collecting = new Collecting(t, NEVER, { prefix })
      const { pid } = await collecting.line('start')
      t.equal(pid, collecting.child.pid, 'who began it can still end it')
      t.ok(environmentOf(pid).includes(said), said)
      t.ok(environmentOf(pid).some(word => word.startsWith('PATH=')))
    }
  })

  t.test('every socket of every namespace is a row with the cookie of its namespace, in every poll', async t => {
    const all: Populated[] = []
    for (let at = 0; at < 5; at++) all.push(await populate(t, 2000 + at, at + 1))
    const collecting = new Collecting(t, ['--interval', '50ms'])
    const third = await collecting.line('poll', ({ first_of, poll }) => first_of === null && poll > 8)
    t.match(collecting.lines[0], {
      is: 'start',
      schema: 'nslab.collect/1',
      pid: collecting.child.pid,
      interval_s: 0.05,
    })
    t.match(third, { namespaces_count: 6, sockets_count: 5 + 2 * 15, dropped_count: 0, incomplete_count: 0 })
    const rows = collecting.all('socket').filter(({ poll }) => poll === third.poll)
    t.equal(rows.length, third.sockets_count)
    for (const [at, netns] of all.entries()) {
      const own = rows.filter(row => row.netns === netns.cookie)
      t.same(shapeOf(own), expected(netns, at + 1), `namespace ${at}`)
      t.equal(new Set(own.map(({ cookie }) => cookie)).size, own.length, 'each has a cookie of its own')
    }
    for (const row of rows) {
      t.ok(Math.abs(row.mono_s - third.mono_s) <= third.took_s + 1e-6, 'seen within the poll')
      t.ok(Math.abs(row.at_s - Date.now() / 1000) < 600)
    }
    collecting.child.kill('SIGTERM')
    t.same(await collecting.ended, { code: 0, signal: null }, collecting.stderr)
    t.match(collecting.lines.at(-1), { is: 'stop', polls_count: collecting.all('poll').length })
    t.same(missing(collecting), [])
  })

  t.test('a namespace that comes is polled at once; one that goes is told, and the kernel removes it', async t => {
    const collecting = new Collecting(t, NEVER)
    await collecting.line('poll', ({ first_of }) => first_of === null)
    const netns = await populate(t, 2000, 2)
    const found = await collecting.line('netns', line => line.netns === netns.cookie)
    t.match(found, { inode: Number(netns.netns.identity.inode), name: null, found_by: 'descriptor' })
    const first = await collecting.line('poll', ({ first_of }) => first_of === netns.cookie)
    t.equal(first.namespaces_count, 1)
    t.ok(first.mono_s >= found.mono_s)
    const holder = await startHolder(t)
    const made = await holder.make('one', 'process')
    await collecting.line('poll', ({ first_of }) => first_of === made.cookie)
    await holder.drop('one')
    await collecting.line('netns_gone', line => line.netns === made.cookie)
    await untilRemoved(made)
    netns.drop()
    await collecting.line('netns_gone', line => line.netns === netns.cookie)
  })

  t.test('filters are the kernel’s: by state, and by port', async t => {
    const netns = await populate(t, 2000, 3)
    await populate(t, 2001, 3)
    const control = controlled(t)
    const collecting = new Collecting(t, [...NEVER, '--state', 'listening', '--port', '2000', '--control', control])
    await collecting.says(/collecting/)
    const answer = await askCollector(control, { do: 'poll' })
    t.match(answer, { is: 'polled', poll: { sockets_count: 1, namespaces_count: 3 } })
    await askCollector(control, { do: 'set', states: ['ESTABLISHED'], ports: [2000] })
    t.match(await askCollector(control, { do: 'poll' }), { poll: { sockets_count: 6 } })
    await askCollector(control, { do: 'set', states: [], ports: [] })
    const all = polledOf(await askCollector(control, { do: 'poll' }))
    t.match(all, { sockets_count: 14 })
    const number = all.poll
    await collecting.line('poll', ({ poll }) => poll === number)
    const rows = collecting.all('socket').filter(row => row.poll === number && row.netns === netns.cookie)
    t.same(shapeOf(rows), expected(netns, 3))
  })

  t.test('asked on the command line: a poll now, its figures, another interval', async t => {
    const control = controlled(t)
    const collecting = new Collecting(t, [...NEVER, '--control', control])
    await collecting.says(/collecting/)
    const nslab = (...args: string[]) =>
      spawnSync(process.execPath, [cliPath, 'collect', ...args, '--control', control], { encoding: 'utf8' })
    const polled = nslab('poll')
    t.equal(polled.status, 0, polled.stderr)
    t.match(JSON.parse(polled.stdout), { is: 'poll', namespaces_count: 1, first_of: null })
    t.match(JSON.parse(nslab('set', 'interval=20ms', 'states=established').stdout), {
      interval_s: 0.02,
      states: ['ESTABLISHED'],
    })
    const before = collecting.all('poll').length
    await collecting.line('poll', ({ poll }) => poll > before + 3)
    const status = JSON.parse(nslab('status').stdout)
    t.match(status, { pid: collecting.child.pid, settings: { interval_s: 0.02 }, namespaces_count: 1 })
    t.equal(status.rows.sent, status.rows.stored + status.rows.dropped + status.rows.pending)
    t.equal(nslab('set', 'interval=0s').status, 2)
  })

  t.test('metrics are those of what was polled', async t => {
    await populate(t, 2000, 3)
    const collecting = new Collecting(t, ['--interval', '50ms', '--metrics-listen', '127.0.0.1:0'])
    await collecting.says(/metrics at port \d+/)
    await collecting.line('poll', ({ first_of, sockets_count }) => first_of === null && sockets_count === 8)
    const port = /metrics at port (\d+)/.exec(collecting.stderr)?.[1]
    // Broken off at once: what is closed in order is in TIME_WAIT for a minute.
    const ask = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const agent = new Agent({ keepAlive: true })
        const request = get({ port, path: '/metrics', agent }, async answer => {
          resolve(await readText(answer))
          request.socket?.resetAndDestroy()
        })
        request.on('error', reject)
      })
    // Both ends of the connection that asks are seen where a poll comes while it lasts: asked again, it is over.
    let text = await ask()
    for (let left = 40; left > 0 && !/^nslab_collect_sockets 8$/m.test(text); left--) {
      await new Promise(resolve => setTimeout(resolve, 100))
      text = await ask()
    }
    t.match(text, /^nslab_collect_sockets 8$/m, 'its own listener is one')
    t.match(text, /^nslab_collect_namespaces 2$/m)
    t.match(text, /^nslab_collect_namespace_sockets_bucket\{le="10"\} 2$/m)
    const started = Number(/^process_start_time_seconds (\S+)$/m.exec(text)?.[1])
    t.ok(started <= Date.now() / 1000 && started > Date.now() / 1000 - 600)
  })

  t.test('a reader that is slow slows polling, in bounded memory, and then has every row', async t => {
    await populate(t, 2000, 200)
    const control = controlled(t)
    const args = ['--interval', '10ms', '--buffer', '64KiB', '--control', control]
    const collecting = new Collecting(t, args, { reads: false })
    await collecting.says(/collecting/)
    const look = async () => {
      const answer = await askCollector(control, { do: 'status' })
      if (answer.is !== 'status') throw new Error(answer.is)
      return answer.status
    }
    let [before, now] = [await look(), await look()]
    while (now.pending_bytes < 64 * 1024 || now.polls_count !== before.polls_count) {
      await new Promise(resolve => setTimeout(resolve, 100))
      ;[before, now] = [now, await look()]
    }
    t.ok(now.pending_bytes < 3 * 1024 * 1024, `${now.pending_bytes} bytes wait`)
    t.equal(now.rows.dropped, 0)
    collecting.read()
    await collecting.line('poll', ({ poll }) => poll > now.polls_count + 5)
    collecting.child.kill('SIGTERM')
    t.same(await collecting.ended, { code: 0, signal: null }, collecting.stderr)
    t.same(missing(collecting), [])
  })

  t.test('told to drop, it polls on while nobody reads, and counts what is missing', async t => {
    await populate(t, 2000, 200)
    const control = controlled(t)
    const args = ['--interval', '10ms', '--buffer', '1MiB', '--when-full', 'drop', '--control', control]
    const collecting = new Collecting(t, args, { reads: false })
    await collecting.says(/collecting/)
    const dropped = async (): Promise<number> => {
      const answer = await askCollector(control, { do: 'status' })
      return answer.is === 'status' ? answer.status.rows.dropped : 0
    }
    while ((await dropped()) === 0) await new Promise(resolve => setTimeout(resolve, 50))
    const { poll: blocked } = await askCollector(control, { do: 'poll' }).then(polledOf)
    collecting.read()
    await collecting.line('poll', ({ dropped_count }) => dropped_count > 0)
    await collecting.line('poll', ({ dropped_count, poll }) => poll > blocked && dropped_count === 0)
    collecting.child.kill('SIGTERM')
    await collecting.ended
    t.same(missing(collecting), [])
  })

  t.test('what else finds no room is counted, too; the last line does', async t => {
    await populate(t, 2000, 200)
    const control = controlled(t)
    const args = ['--interval', '10ms', '--buffer', '64KiB', '--when-full', 'drop', '--control', control]
    const collecting = new Collecting(t, args, { reads: false })
    await collecting.says(/collecting/)
    for (let pending = 0; pending < 2 * 64 * 1024; ) {
      const answer = await askCollector(control, { do: 'status' })
      pending = answer.is === 'status' ? answer.status.pending_bytes : 0
    }
    await askCollector(control, { do: 'poll' })
    collecting.child.kill('SIGTERM')
    // Its last line meets with a full buffer.
    await new Promise(resolve => setTimeout(resolve, 500))
    collecting.read()
    t.same(await collecting.ended, { code: 0, signal: null }, collecting.stderr)
    t.equal(collecting.lines.at(-1)?.is, 'stop')
    t.match(collecting.stderr, /warning: [1-9]\d* lines of namespaces and polls are missing/)
  })

  t.test('a reader that goes ends it in order', async t => {
    const collecting = new Collecting(t, ['--interval', '10ms'])
    await collecting.line('poll')
    collecting.child.stdout?.destroy()
    t.same(await collecting.ended, { code: 0, signal: null }, collecting.stderr)
    t.match(collecting.stderr, /the reader of the output is gone/)
  })

  t.test('a second signal ends it at once', async t => {
    const collecting = new Collecting(t, ['--interval', '10ms', '--buffer', '64KiB'], { reads: false })
    await populate(t, 2000, 200)
    await collecting.says(/collecting/)
    await new Promise(resolve => setTimeout(resolve, 500))
    collecting.child.kill('SIGINT')
    await new Promise(resolve => setTimeout(resolve, 100))
    collecting.child.kill('SIGINT')
    // Its pipe stays open for us.
    const exited = new Promise(resolve => collecting.child.once('exit', resolve))
    t.equal(await exited, 130)
  })
}

if (isApart(fileURLToPath(import.meta.url))) {
  spawnSync('ip', ['link', 'set', 'lo', 'up'])
  tests()
}
