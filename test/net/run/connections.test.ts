// Connections of real kernels: opened in several processes, counted by the kernel, lost, given up, and gone.

import { execFileSync, spawn } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { createInterface } from 'node:readline'
import t from 'tap'
import type { ConnectionsConfig } from '../../../src/config/connections.ts'
import { readConnectionLimits } from '../../../src/lab/connections/limits.ts'
import { type ConnectionsResult, type LoadOptions, loadConnections } from '../../../src/lab/connections/load.ts'
import { loaderPath } from '../../../src/lab/connections/loader.ts'
import { readProcesses } from '../../../src/lab/proc/process-table.ts'
import { childrenOf, NslabProcess, untilEmpty } from '../../fixtures/nslab-process.ts'

/** Generous: a process that has been killed is gone in milliseconds. */
const GONE_MS = 20_000

const config: ConnectionsConfig = { count: 1200, namespaces: 6, layout: 'loopback', ratePerS: null }

async function load(own: Partial<ConnectionsConfig>, options: Partial<LoadOptions> = {}): Promise<ConnectionsResult> {
  return loadConnections({
    config: { ...config, ...own },
    limits: await readConnectionLimits(),
    holdS: 0,
    signal: new AbortController().signal,
    ...options,
  })
}

/** Descriptors of a process that are network namespaces, other than this one's. */
function namespacesOf(pid: number): string[] {
  const own = readlinkSync('/proc/self/ns/net')
  const folder = `/proc/${pid}/fd`
  const at = (fd: string): string => readlinkSync(`${folder}/${fd}`)
  return readdirSync(folder)
    .filter(fd => at(fd).startsWith('net:') && at(fd) !== own)
    .map(fd => `${folder}/${fd}`)
}

const processesOf = (pid: number): number[] => [pid, ...childrenOf(pid).map(child => child.pid)]

const alive = (pids: readonly number[]): number[] => {
  const all = readProcesses()
  return pids.filter(pid => all.has(pid) && all.get(pid)?.state !== 'Z')
}

for (const layout of ['loopback', 'pairs'] as const) {
  t.test(`${layout}: all are established, by three counts, carry a byte, and end in TIME_WAIT`, async t => {
    const stages: string[] = []
    let processes: number[] = []
    const limits = { ...(await readConnectionLimits()), open_files_max: 700 }
    const {
      figures,
      counts,
      layout: laidOut,
      failures,
    } = await load(
      { layout },
      {
        limits,
        onStage: stage => stages.push(stage),
        onProcess: pid => {
          processes = processesOf(pid)
        },
      },
    )
    t.equal(laidOut.workers >= 4, true, 'a process of 700 descriptors holds fewer than 350')
    t.equal(processes.length, laidOut.workers + 1)
    t.match(figures, {
      connections_asked_count: 1200,
      connections_count: 1200,
      connections_proven_count: 1200,
      connections_lost_count: 0,
      connections_disagreeing_count: 0,
    })
    t.match(counts.before, { established_sockets: 0, time_wait_sockets: 0 })
    t.match(counts.open, { connected: 1200, accepted: 1200, established_sockets: 2400, established_counter: 2400 })
    t.match(counts.closed, { established_sockets: 0, established_counter: 0 })
    t.ok(figures.time_wait_count > 1100 && figures.time_wait_count <= 1200, `${figures.time_wait_count} in TIME_WAIT`)
    t.ok((figures.connections_per_s ?? 0) > 0)
    t.same(failures, [])
    t.same(stages, ['prepare', 'open', 'hold', 'prove', 'close', 'end'])
    t.same(await untilEmpty(() => alive(processes), GONE_MS), [])
  })
}

t.test('more connections than one listening port has clients for, in one namespace of several processes', async t => {
  const limits = { ...(await readConnectionLimits()), open_files_max: 9000 }
  const { figures } = await load({ count: 21_000, namespaces: 1 }, { limits })
  t.match(figures, { connections_count: 21_000, connections_proven_count: 21_000, connections_disagreeing_count: 0 })
})

t.test('a rate that was asked for is kept', async t => {
  const { open_s, figures } = await load({ count: 200, ratePerS: 200 })
  t.equal(figures.connections_count, 200)
  t.ok(open_s > 0.9, `${open_s} s`)
})

t.test('connections that the kernel ends while they are held are lost, and none of them counts', async t => {
  let pid = 0
  let killed = 0
  const result = await load(
    { count: 60, namespaces: 3 },
    {
      holdS: 1,
      onProcess: loader => {
        pid = loader
      },
      onStage: stage => {
        if (stage !== 'hold') return
        const [netns] = namespacesOf(pid)
        const words = ['ss', '--kill', '--no-header', '--tcp', 'state', 'established', '( sport < :3072 )']
        killed = execFileSync('nsenter', [`--net=${netns}`, ...words], { encoding: 'utf8' })
          .trim()
          .split('\n').length
      },
    },
  )
  t.ok(killed > 0, `${killed} ended`)
  t.match(result.figures, {
    connections_asked_count: 60,
    connections_count: 60 - killed,
    connections_lost_count: killed,
    connections_disagreeing_count: 0,
    connections_proven_count: 60 - killed,
  })
})

t.test('a worker that is killed ends the load, which says which', async t => {
  let processes: number[] = []
  const loading = load(
    { count: 600 },
    {
      holdS: 60,
      onProcess: pid => {
        processes = processesOf(pid)
      },
      onStage: stage => {
        if (stage === 'hold') process.kill(processes.at(-1) as number, 'SIGKILL')
      },
    },
  )
  await t.rejects(loading, { code: 'KERNEL_REFUSED', facts: { where: /^worker \d/, errno: 'ECHILD' } })
  t.same(await untilEmpty(() => alive(processes), GONE_MS), [])
})

t.test('a load that is given up ends at once', async t => {
  const stop = new AbortController()
  let processes: number[] = []
  const loading = load(
    { count: 100_000, ratePerS: 50 },
    {
      signal: stop.signal,
      onProcess: pid => {
        processes = processesOf(pid)
      },
      onPulse: () => stop.abort(),
    },
  )
  await t.rejects(loading, { code: 'INTERRUPTED' })
  t.ok(processes.length > 1)
  t.same(await untilEmpty(() => alive(processes), GONE_MS), [])
})

t.test('descriptors that are not to be had are told, and what came to be is counted', async t => {
  const child = spawn('prlimit', ['--nofile=300:300', loaderPath, '--count', '500'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines: Record<string, unknown>[] = []
  createInterface(child.stdout).on('line', line => {
    const said = JSON.parse(line) as Record<string, unknown>
    lines.push(said)
    if (said.is === 'ready') child.stdin.write('open\ncount\n')
    if (said.is === 'count') child.stdin.end()
  })
  const code = await new Promise(resolve => child.on('close', resolve))
  t.equal(code, 0)
  const [, open, count] = lines as [object, { connected: number; failed: number }, object]
  t.match(open, { is: 'open', failures: [{ worker: 0, errno: 'EMFILE' }] })
  t.ok(open.failed > 300 && open.connected > 100)
  t.match(count, { established_sockets: 2 * open.connected })
})

t.test('nslab connections: figures as JSON, refusals as exit codes', async t => {
  const whole = await new NslabProcess([
    'connections',
    '--count',
    '300',
    '--namespaces',
    '3',
    '--hold',
    '10ms',
    '--json',
  ]).ended
  t.equal(whole.code, 0, whole.stderr)
  t.match(JSON.parse(whole.stdout), { schema: 'nslab.connections/1', figures: { connections_count: 300 } })
  const most = await new NslabProcess(['connections', '--count', '9000000000']).ended
  t.equal(most.code, 3)
  t.match(most.stderr, /memory: room for [\d,]+ connections, needed 9,000,000,000\. Remedy: /)
  const odd = await new NslabProcess(['connections', '--count', '3', '--namespaces', '3', '--layout', 'pairs']).ended
  t.equal(odd.code, 2)
})

t.test('whoever kills nslab connections ends the connections', async t => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGKILL', null],
  ] as const) {
    const run = new NslabProcess(['connections', '--count', '900', '--namespaces', '3', '--hold', '10m'])
    await run.says(/^nslab: hold$/m)
    const loader = childrenOf(run.pid).find(({ comm }) => comm.startsWith('nslab-conn'))
    const processes = processesOf(loader?.pid ?? 0)
    t.ok(alive(processes).length > 1, 'it has workers')
    run.kill(signal)
    t.equal((await run.ended).code, code)
    t.same(await untilEmpty(() => alive(processes), GONE_MS), [], signal)
  }
})
