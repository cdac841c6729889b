// A link engine's life: descriptors run out, it is closed while busy, its process ends, it is collected.

import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { native } from '../../../src/native/addon.ts'
import type { Netns } from '../../../src/native/netns.ts'
import { ended, firstLine } from '../../fixtures/launch.ts'
import { addressOf, Engine, linkPort, loopbackNamespace, runId } from '../../fixtures/links.ts'

// The addon itself: a TypeScript loader in each process would take longer than the tests.
const addonPath = fileURLToPath(new URL('../../../native/build/Release/nslab.node', import.meta.url))
const descriptors = (): number => readdirSync('/proc/self/fd').length
const threads = (): string[] => readdirSync('/proc/self/task')

/** A bash inside the namespace that carries out the lines it is given, and answers each with a line. */
function shellInside(t: Test, netns: Netns): (line: string) => Promise<string> {
  const shell = spawn(
    'nsenter',
    [`--net=/proc/${process.pid}/fd/${netns.fd}`, 'bash', '-c', 'while read -r line; do eval "$line"; echo; done'],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  t.teardown(() => shell.stdin.end())
  return async line => {
    const answer = firstLine(shell.stdout)
    shell.stdin.write(`${line}\n`)
    return answer
  }
}

t.test('without a free descriptor accepting pauses, is told of once, and goes on', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await engine.add(1, [2])
  const run = shellInside(t, netns)
  await run('true')
  // Lower than any descriptor that is free: every new one fails with EMFILE.
  t.teardown(() => run(`prlimit --pid ${process.pid} --nofile=$old:`))
  await run(
    `old=$(prlimit --pid ${process.pid} --nofile --output SOFT --noheadings); prlimit --pid ${process.pid} --nofile=3:`,
  )
  await run(`exec 5<>/dev/tcp/${addressOf(1)}/${linkPort}`)
  await engine.seen({ kind: 'refused', nodeId: 1, peerId: 0, reason: 'EMFILE' })
  engine.dial(1, 2)
  await engine.seen({ kind: 'dial_failed', nodeId: 1, peerId: 2, reason: 'EMFILE' })
  await run(`prlimit --pid ${process.pid} --nofile=$old:`)
  await run('echo -n NOT-A-FRAME >&5')
  await engine.seen({ kind: 'refused', nodeId: 1, peerId: 0, reason: 'malformed' })
  t.equal(engine.matching({ reason: 'EMFILE', kind: 'refused' }).length, 1)
})

t.test('a link that is up is kept alive by the kernel, so that a vanished peer is noticed', async t => {
  const netns = await loopbackNamespace(t)
  const engine = new Engine(t, netns)
  await Promise.all([engine.add(1, [2]), engine.add(2, [1])])
  engine.dial(1, 2)
  await engine.seen({ kind: 'up' }, 2)
  const command = [`--net=/proc/${process.pid}/fd/${netns.fd}`, 'ss', '-tnoH', 'state', 'established']
  let lines: string[]
  // The timer is another one until the last frame is acknowledged, which the kernel may delay.
  do lines = (await ended(spawn('nsenter', command))).out.split('\n')
  while (lines.some(line => line.includes('timer:(on,')))
  t.equal(lines.length, 2)
  for (const line of lines) t.match(line, /timer:\(keepalive,[1-5]/)
})

t.test('nodes removed in every phase of a handshake leave nothing behind', async t => {
  const netns = await loopbackNamespace(t)
  const before = descriptors()
  const engine = new Engine(t, netns)
  const nodes = 40
  for (let round = 0; round < 10; round++) {
    const ids = Array.from({ length: nodes }, (_, i) => round * nodes + i + 1)
    const peerOf = (id: number): number => ((id - 1) ^ 1) + 1
    const added = Promise.all(ids.map(id => engine.add(id, [peerOf(id)])))
    for (const id of ids) engine.dial(id, peerOf(id))
    // At once, after the listeners, after the first links.
    if (round % 3 > 0) await added
    if (round % 3 > 1 && engine.links.endsUp === 0) await engine.change()
    for (const id of ids) engine.links.removeNode(id)
    await added
  }
  await engine.links.close()
  t.equal(engine.links.endsUp, 0)
  t.equal(descriptors(), before)
})

t.test('close while busy ends everything, and calls after it are refused', async t => {
  const netns = await loopbackNamespace(t)
  const before = descriptors()
  const threadsBefore = threads().length
  const engine = new Engine(t, netns)
  const adding = Array.from({ length: 100 }, (_, i) => engine.add(i + 1, [i + 2]))
  for (let id = 1; id < 100; id++) engine.dial(id, id + 1)
  const closing = Promise.all([engine.links.close(), engine.links.close()])
  t.throws(() => engine.dial(1, 2), { code: 'EBADF' })
  await closing
  await engine.links.close()
  for (const outcome of await Promise.allSettled(adding))
    t.ok(outcome.status === 'fulfilled' || outcome.reason.code === 'ECANCELED')
  t.equal(engine.links.endsUp, 0)
  t.equal(descriptors(), before)
  t.equal(threads().length, threadsBefore)
  t.throws(() => engine.links.removeNode(1), { code: 'EBADF' })
})

t.test('commands of nodes added and removed at once are carried out in order', async t => {
  const engine = new Engine(t, await loopbackNamespace(t))
  const first = engine.add(1, [2])
  engine.links.removeNode(1)
  const second = engine.add(1, [2], 2)
  await Promise.all([first, second, engine.add(2, [1])])
  engine.dial(2, 1)
  await engine.seen({ kind: 'up' }, 2)
})

t.test('a link outlives the JavaScript handle of its namespace', async t => {
  const netns = await native.Netns.create()
  const engine = new Engine(t, netns)
  await Promise.all([engine.add(1, [2]), engine.add(2, [1])])
  netns.close()
  engine.dial(1, 2)
  await engine.seen({ kind: 'up' }, 2)
})

t.test('a constructor call that makes no sense is refused', async t => {
  const Links = native.Links as unknown as new (...args: unknown[]) => unknown
  for (const args of [[], [runId], [new Uint8Array(15), () => {}], [new Uint16Array(16), () => {}], [runId, 5]])
    t.throws(() => new Links(...args), { code: 'EINVAL' })
})

/** Runs a script with two linked nodes in a process of its own. */
function runScript(script: string, flags: readonly string[] = []) {
  const prelude = `
    const { createRequire } = await import('node:module')
    const native = createRequire('/')(${JSON.stringify(addonPath)})
    const netns = await native.Netns.create()
    let onEvent = () => {}
    let links = new native.Links(new Uint8Array(16), events => events.forEach(event => onEvent(event)))
    const add = (nodeId, peer) => links.addNode({ nodeId, netns, address: '127.1.0.' + nodeId, port: 4000, incarnation: 1, peers: [peer] })
    const linked = async () => {
      await Promise.all([add(1, 2), add(2, 1)])
      let ups = 0
      const up = new Promise(resolve => { onEvent = event => event.kind === 'up' && ++ups === 2 && resolve() })
      links.dial(1, 2, '127.1.0.2', 4000)
      await up
    };`
  return ended(spawn(process.execPath, [...flags, '--input-type=module', '-e', prelude + script]))
}

t.test('a process ends with a live engine, in whatever way', async t => {
  t.match(await runScript(`await linked(); process.exit(7)`), { code: 7, signal: null, err: '' })
  t.match(
    await runScript(`add(1, 2); for (let i = 0; i < 50; i++) links.dial(1, 2, '127.1.0.2', 4000); process.exit(8)`),
    { code: 8, err: '' },
  )
  t.match(await runScript(`await linked(); setImmediate(() => { throw new Error('on purpose') })`), {
    code: 1,
    err: /on purpose/,
  })
})

t.test('an engine with nodes keeps its process alive, one without does not', async t => {
  t.match(await runScript(`await linked(); links.removeNode(1); links.removeNode(2); console.log('end')`), {
    code: 0,
    out: 'end',
  })
  t.match(
    await runScript(
      `await linked(); process.once('SIGTERM', async () => { await links.close(); console.log('closed') }); process.kill(process.pid)`,
    ),
    {
      code: 0,
      out: 'closed',
    },
  )
})

t.test('an engine that nobody holds any more is collected, and its thread ends', async t => {
  const script = `
    const { readdirSync, readFileSync } = await import('node:fs')
    const threads = () => readdirSync('/proc/self/task').filter(id => readFileSync('/proc/self/task/' + id + '/comm', 'utf8').trim() === 'nslab-links').length
    await linked()
    const before = threads()
    links.removeNode(1); links.removeNode(2); links = undefined
    for (let i = 0; threads() > 0 && i < 1000; i++) { gc(); await new Promise(resolve => setImmediate(resolve)) }
    console.log(before, threads())`
  t.match(await runScript(script, ['--expose-gc']), { code: 0, out: '1 0' })
})

t.test('an engine with nodes is not collected, though nobody holds it', async t => {
  const script = `
    await linked()
    const kept = links
    links = undefined
    const weak = new WeakRef(kept)
    for (let i = 0; i < 20; i++) { gc(); await new Promise(resolve => setImmediate(resolve)) }
    console.log(weak.deref().endsUp)
    process.exit(0)`
  t.match(await runScript(script, ['--expose-gc']), { code: 0, out: '2' })
})

t.test('an error thrown by the listener is an uncaught exception, not a warning', async t => {
  const result = await runScript(
    `onEvent = () => { throw new Error('on purpose') }; await add(1, 2); links.dial(1, 3, '127.1.0.3', 4000)`,
  )
  t.match(result, { code: 1, err: /on purpose/ })
})

t.test('an engine of a worker ends with it', async t => {
  const { code, out, err } = await runScript(`
    const { Worker } = await import('node:worker_threads')
    const worker = new Worker(\`
      const native = require(${JSON.stringify(addonPath)})
      const links = new native.Links(new Uint8Array(16), () => {})
      const { parentPort } = require('node:worker_threads')
      native.Netns.create().then(netns => links.addNode({ nodeId: 1, netns, address: '127.1.0.1', port: 4000, incarnation: 1, peers: [2] }))
        .then(() => { links.dial(1, 2, '127.1.0.2', 4000); parentPort.postMessage('added') })\`, { eval: true, execArgv: [] })
    await new Promise(resolve => worker.once('message', resolve))
    await worker.terminate()
    console.log('terminated')`)
  t.same([code, out], [0, 'terminated'], err)
})
