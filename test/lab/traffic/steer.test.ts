// What people do to the links of a run by lab.sock, with programs that answer as the test has them answer.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/base/clock.ts'
import { LinkBook } from '../../../src/controller/links.ts'
import { RunContext } from '../../../src/lab/run/context.ts'
import type { Hosts } from '../../../src/lab/run/hosts.ts'
import { createRunFolder } from '../../../src/lab/run-folder/run-folder.ts'
import type { Ground } from '../../../src/lab/site/ground.ts'
import type { LiveRun } from '../../../src/lab/state/live-runs.ts'
import { RunSteering } from '../../../src/lab/traffic/steer.ts'
import { LabClient } from '../../../src/lab/visit/client.ts'
import type { LinkSteering } from '../../../src/lab/visit/lab.ts'
import { LabSocket } from '../../../src/lab/visit/socket.ts'
import type { Plan } from '../../../src/plan.ts'
import type { LabCall } from '../../../src/protocol/lab.ts'
import type { Command, Notice } from '../../../src/protocol/steering.ts'
import { runWith } from '../../fixtures/lab-here.ts'
import { untilEmpty } from '../../fixtures/nslab-process.ts'
import { ringRun } from '../../fixtures/run-folder.ts'

type Of<D extends Command['do']> = Extract<Command, { do: D }>

interface Answers {
  readonly link?: (command: Of<'set_link'>) => Notice | null
  readonly probe?: (command: Of<'probe'>) => Notice | null
  readonly capture?: (command: Of<'capture'>) => Notice | null
}

/** A run of a ring of four, its lab.sock, and what its programs were told. */
async function runOf(t: Test, answers: Answers = {}) {
  const base = mkdtempSync(join(tmpdir(), 'nslab-steer-'))
  const folder = createRunFolder({ base, scenario: 'ring', seed: 1, clock: systemClock })
  const { plan } = ringRun({ nodes: 4 })
  const controller: Plan['scenario']['controller'] = {
    ...plan.scenario.controller,
    linkRates: [
      { srcNodeId: 2, dstNodeId: 1, rate: { rate: 1000, bucket_size: 2000 } },
      { srcNodeId: 1, dstNodeId: 4, rate: { rate: 1000, bucket_size: 2000 } },
    ],
    links: [{ srcNodeId: 1, dstNodeId: 2, shape: { delay_s: 0.02, loss_ratio: 0.5 } }],
  }
  const context = new RunContext({
    plan: { ...plan, scenario: { ...plan.scenario, controller } },
    folder,
    clock: systemClock,
    runId: 'a'.repeat(32),
    level: 'host',
    onProgress: () => {},
    onWarning: () => {},
  })
  const told: Command[] = []
  const book = new LinkBook(controller.linkRates)
  for (const { srcNodeId, dstNodeId, shape } of controller.links ?? []) book.set(srcNodeId, dstNodeId, shape)
  const programThat = (answer: (command: Command) => Notice | null) => {
    const listeners = new Set<(notice: Notice) => void>()
    return {
      name: 'a program',
      send: (command: Command) => {
        if (command.do !== 'link_now') told.push(command)
        setImmediate(() => {
          const notice = answer(command)
          if (notice !== null) for (const listener of [...listeners]) listener(notice)
        })
      },
      onNotice: (listener: (notice: Notice) => void) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    }
  }
  const dataplane = programThat(command => {
    if (command.do === 'capture') {
      writeFileSync(command.path, 'copies', { flag: 'wx' })
      return answers.capture?.(command) ?? { is: 'captured', capture: command.capture }
    }
    return command.do === 'end_capture' ? { is: 'captured', capture: command.capture } : null
  })
  const programs = new Map([['dataplane', dataplane]])
  const hosts = {
    all: context.plan.hosts.map(host => ({ plan: host, programs, life: 0 })),
    controller: programThat(command => {
      if (command.do === 'probe') return answers.probe?.(command) ?? null
      if (command.do === 'link_now')
        return { is: 'link_now', ask: command.ask, shape: book.shapeOf(command.node_id, command.peer_id) }
      if (command.do !== 'set_link') return null
      const answer = answers.link?.(command) ?? ({ is: 'link_set', change: command.change } as const)
      if (answer.is === 'link_set' && answer.problem === undefined)
        book.set(command.node_id, command.peer_id, command.shape)
      return answer
    }),
  } as unknown as Hosts
  const site = { pathOf: (name: string) => folder.file(name), fetch: async () => {} }
  const ground = { siteOf: () => site } as unknown as Ground
  const links = new RunSteering(context, ground, hosts)
  const run: LiveRun = { ...runWith(folder.path), links_socket: folder.file('lab.sock') }
  const socket = await LabSocket.open(folder.file('lab.sock'), labWith(links))
  t.teardown(async () => {
    await socket.close('ends with its test')
    folder.close()
    rmSync(base, { recursive: true })
  })
  const connect = async (): Promise<LabClient> => {
    const client = await LabClient.connectForLinks(run)
    t.teardown(() => client.close())
    return client
  }
  return { client: await connect(), connect, told, folder, socket, programs, run }
}

const labWith = (links: LinkSteering | null) => ({
  vms: [],
  runId: 'a'.repeat(32),
  launcher: '',
  whereIs: async () => ({ vm: '', pid: 0, fd: 0 }),
  links,
  stop: async () => [],
})

const link = (changes: Partial<Extract<LabCall, { call: 'link' }>> = {}) => ({
  node_id: 1,
  peer_id: 2,
  both: true,
  change: null,
  clear: false,
  ...changes,
})

t.test('a link is told as the configuration has it, and nothing is changed', async t => {
  const { client, told } = await runOf(t)
  t.same(await client.call('link', link()), [
    { node_id: 1, peer_id: 2, shape: { delay_s: 0.02, loss_ratio: 0.5 } },
    { node_id: 2, peer_id: 1, shape: { rate: 1000, bucket_size: 2000 } },
  ])
  t.same(await client.call('link', link({ node_id: 3, peer_id: 4, both: false })), [
    { node_id: 3, peer_id: 4, shape: {} },
  ])
  t.same(told, [])
})

t.test('a change goes to both directions; what it does not name stays', async t => {
  const { client, told } = await runOf(t)
  const now = [
    { node_id: 1, peer_id: 2, shape: { delay_s: 0.1, loss_ratio: 0.5, jitter_s: 0.01 } },
    { node_id: 2, peer_id: 1, shape: { rate: 1000, bucket_size: 2000, delay_s: 0.1, jitter_s: 0.01 } },
  ]
  t.same(await client.call('link', link({ change: { delay_s: 0.1, jitter_s: 0.01 } })), now)
  t.same(
    told,
    now.map((direction, index) => ({ do: 'set_link', change: 2 * (index + 1), ...direction })),
  )
  t.same(await client.call('link', link()), now)
  t.match(await client.call('link', link({ both: false, change: { loss_ratio: null } })), [
    { node_id: 1, shape: { delay_s: 0.1, loss_ratio: undefined, jitter_s: 0.01 } },
  ])
  t.match(await client.call('link', link({ change: { rate: null } })), [
    {},
    { node_id: 2, shape: { delay_s: 0.1, rate: undefined, bucket_size: undefined } },
  ])
  t.same(await client.call('link', link({ clear: true, change: { queue_packets: 9 } })), [
    { node_id: 1, peer_id: 2, shape: { queue_packets: 9 } },
    { node_id: 2, peer_id: 1, shape: { queue_packets: 9 } },
  ])
  t.match(await client.call('link', link({ clear: true })), [{ shape: {} }, { shape: {} }])
})

t.test('what is not there, or does not fit together, is refused and changes nothing', async t => {
  const { client, told } = await runOf(t)
  const refused: [Partial<Extract<LabCall, { call: 'link' }>>, { code: string; message?: RegExp; facts?: object }][] = [
    [{ peer_id: 3 }, { code: 'USAGE', facts: { known: [2, 4] } }],
    [{ peer_id: 1 }, { code: 'USAGE' }],
    [{ peer_id: 5 }, { code: 'USAGE', facts: { node_id: 5, known: ['1-4'] } }],
    [{ change: { bucket_size: 9 } }, { code: 'USAGE', message: /burst needs a rate/ }],
    [
      { node_id: 3, peer_id: 4, change: { reorder_ratio: 0.1 } },
      { code: 'USAGE', message: /needs a delay/ },
    ],
  ]
  for (const [changes, error] of refused) await t.rejects(client.call('link', link(changes)), error)
  t.same(told, [])
})

t.test('a node that could not be told leaves the link as it was known', async t => {
  const { client } = await runOf(t, {
    link: ({ change, node_id }) =>
      node_id === 2 ? { is: 'link_set', change, problem: 'node 2 is not connected' } : { is: 'link_set', change },
  })
  await t.rejects(client.call('link', link({ change: { delay_s: 1 } })), {
    code: 'USAGE',
    message: /node 2 is not connected/,
  })
  t.match(await client.call('link', link()), [
    { node_id: 1, shape: { delay_s: 1 } },
    { node_id: 2, shape: { delay_s: undefined, rate: 1000 } },
  ])
})

t.test('a link is measured one direction after the other, or it is said why not', async t => {
  const measure = { sent_packets: 9, received_packets: 8, latency_p50_s: 0.001, latency_p99_s: 0.002 }
  const { client, told } = await runOf(t, {
    probe: ({ probe, node_id }) =>
      node_id === 4
        ? { is: 'probed', probe, problem: 'node 4 left' }
        : { is: 'probed', probe, result: { bandwidth_mbps: node_id, ...measure } },
  })
  const ask = { node_id: 1, peer_id: 2, both: true, bytes: 1000 }
  t.same(await client.call('probe', ask), [
    { node_id: 1, peer_id: 2, bandwidth_mbps: 1, ...measure },
    { node_id: 2, peer_id: 1, bandwidth_mbps: 2, ...measure },
  ])
  t.same(told, [
    { do: 'probe', probe: 1, node_id: 1, peer_id: 2, bytes: 1000 },
    { do: 'probe', probe: 2, node_id: 2, peer_id: 1, bytes: 1000 },
  ])
  await t.rejects(client.call('probe', { ...ask, peer_id: 3 }), { code: 'USAGE', message: /not neighbours/ })
  await t.rejects(client.call('probe', { ...ask, node_id: 4, peer_id: 3 }), {
    code: 'USAGE',
    message: /from node 4 to 3 was not measured: node 4 left/,
  })
})

t.test('a capture is a file of the run folder, until it is ended', async t => {
  const { client, told, folder } = await runOf(t)
  const { path, end } = await client.capture({ node_id: 2, peer_id: 3, bytes_max: 1000 })
  t.equal(path, folder.file('capture-1-node-2-3.pcap'))
  t.same(await end(), { path, bytes: 6 })
  t.same(told, [
    { do: 'capture', capture: 1, node_id: 2, peer_id: 3, path, bytes_max: 1000 },
    { do: 'end_capture', capture: 1, node_id: 2, peer_id: 3 },
  ])
  await t.rejects(end(), { code: 'USAGE' }, 'it has ended')
  const all = await client.capture({ node_id: 2, peer_id: 0, bytes_max: 1000 })
  t.match(all.path, /capture-2-node-2-0.pcap$/)
})

t.test('two may not capture the same; each ends with its client', async t => {
  const { client, connect, told } = await runOf(t)
  const other = await connect()
  const ask = { node_id: 2, peer_id: 3, bytes_max: 1000 }
  await client.capture(ask)
  await t.rejects(other.capture(ask), { code: 'USAGE', message: /captures the link from node 2 to 3 already/ })
  client.close()
  await client.closed
  const notEnded = (): number[] => (told.some(command => command.do === 'end_capture') ? [] : [1])
  t.same(await untilEmpty(notEnded, 10_000), [])
  // The link is free once the program has answered that.
  const free = async (leftMs: number): ReturnType<typeof other.capture> => {
    try {
      return await other.capture(ask)
    } catch (error) {
      if (leftMs < 0) throw error
      await new Promise(resolve => setTimeout(resolve, 10))
      return free(leftMs - 10)
    }
  }
  t.match(await (await free(10_000)).end(), { bytes: 6 })
})

t.test('what can not be captured is refused, and may be tried again', async t => {
  let isRefused = true
  const { client } = await runOf(t, {
    capture: ({ capture, path }) => {
      if (!isRefused) return null
      rmSync(path)
      return { is: 'captured', capture, problem: 'EMFILE' }
    },
  })
  const ask = { node_id: 2, peer_id: 3, bytes_max: 1000 }
  await t.rejects(client.capture(ask), { code: 'USAGE', message: /EMFILE/ })
  await t.rejects(client.capture({ ...ask, peer_id: 4 }), { code: 'USAGE', message: /not neighbours/ })
  await t.rejects(client.capture({ ...ask, node_id: 7, peer_id: 0 }), { code: 'USAGE' })
  isRefused = false
  t.match(await (await client.capture(ask)).end(), { bytes: 6 })
})

t.test('a capture of a fleet that is no more has the copies that it made', async t => {
  const { client, programs, told } = await runOf(t)
  const { end } = await client.capture({ node_id: 2, peer_id: 3, bytes_max: 1000 })
  programs.clear()
  t.match(await end(), { bytes: 6 })
  t.equal(told.length, 1)
  await t.rejects(client.capture({ node_id: 2, peer_id: 3, bytes_max: 1 }), { code: 'USAGE', message: /not there now/ })
})

t.test('when the run ends, captures end with their files whole, and clients are told', async t => {
  const { client, socket, told, run } = await runOf(t)
  const { path } = await client.capture({ node_id: 2, peer_id: 3, bytes_max: 1000 })
  await socket.close('ends with its run')
  t.match(told.at(-1), { do: 'end_capture' })
  t.ok(existsSync(path))
  await client.closed
  await t.rejects(LabClient.connectForLinks(run), { code: 'USAGE', message: /can't be asked now/ })
  await t.rejects(LabClient.connectForLinks(runWith(run.folder)), { code: 'USAGE', message: /has no links/ })
})

t.test('a run without links says so', async t => {
  const path = join(t.testdir(), 'lab.sock')
  const socket = await LabSocket.open(path, labWith(null))
  t.teardown(() => socket.close('ends with its test'))
  const client = await LabClient.connectForLinks({ ...runWith(''), links_socket: path })
  t.teardown(() => client.close())
  await t.rejects(client.call('link', link()), { code: 'USAGE', message: /no links/ })
  await t.rejects(client.capture({ node_id: 1, peer_id: 0, bytes_max: 1 }), { code: 'USAGE', message: /no links/ })
})
