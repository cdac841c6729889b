// The addon in a process that may not start another thread: each call says so, and goes well once it may again.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { run } from '../../src/base/exec.ts'
import { isRoot } from '../fixtures/launch.ts'

const addon = fileURLToPath(new URL('../../native/build/Release/nslab.node', import.meta.url))

/** Each line it reads makes every call that needs a thread once more, and is answered with what came of them. */
const script = `
  const native = require(${JSON.stringify(addon)})
  const bridge = { name: 'isobr0', mac: '02:6f:ac:10:08:01', address: '172.16.8.1', prefixLength: 22 }
  const spec = { bridges: [bridge], nodes: [], neighbours: [], mtu: 1500 }
  const root = native.Netns.current()
  const fabric = new native.Fabric(root, spec)
  const calls = {
    create: () => native.Netns.create(),
    fromFd: async () => native.Netns.fromFd(require('node:fs').openSync('/proc/self/ns/net', 'r')),
    openSocket: () => root.openSocket({ listen: { address: '127.0.0.1', port: 0, backlog: 1 } }),
    addBridge: () => root.addBridge('nslab-none', 1500),
    awaitNetnsCleanup: () => native.awaitNetnsCleanup(1000),
    build: () => fabric.build(),
    teardown: () => fabric.teardown(1000),
    Discovery: async () => {
      const options = { directories: [], intervalMs: 1000, reconcileMs: 1000 }
      const discovery = new native.Discovery(options, () => {})
      await discovery.reconcile()
      await discovery.stop()
    },
    Links: async () => new native.Links(Buffer.alloc(16), () => {}).close(),
  }
  require('node:readline').createInterface({ input: process.stdin }).on('line', async () => {
    const answers = {}
    for (const [name, call] of Object.entries(calls))
      answers[name] = await call().then(() => 'done', ({ code, operation, where, reason }) => ({ code, operation, where, reason }))
    console.log(JSON.stringify(answers))
  })
  console.log('{}')`

interface Answer {
  readonly code: string
  readonly operation: string
  readonly reason: string
}

t.test('a thread that cannot be started is an error, and the process goes on', { skip: !isRoot }, async t => {
  // A user of its own: the limit counts all threads that a user has on the machine.
  const user = String(3_000_000 + process.pid)
  const asUser = ['--reuid', user, '--regid', user, '--clear-groups']
  const child = spawn('setpriv', [...asUser, process.execPath, '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answers = async (): Promise<Record<string, Answer | 'done'>> => JSON.parse((await lines.next()).value as string)
  /** The soft limit alone, by the same user: whoever may not raise limits may do that. */
  const limit = async (threads: number): Promise<void> => {
    const prlimit = ['prlimit', '--pid', String(child.pid), `--nproc=${threads}:`]
    const { code, stderr } = await run('setpriv', [...asUser, ...prlimit])
    t.equal(code, 0, stderr)
  }
  await answers()
  await limit(1)
  child.stdin.write('\n')
  const refused = await answers()
  t.equal(Object.keys(refused).length, 9)
  for (const [name, answer] of Object.entries(refused))
    t.match(
      answer,
      { code: 'EAGAIN', operation: 'pthread_create', reason: /no room for a thread: see ulimit -u/ },
      name,
    )

  await limit(1000)
  child.stdin.write('\n')
  const allowed = await answers()
  t.match(allowed, { openSocket: 'done', teardown: 'done', Discovery: 'done', Links: 'done' })
  for (const [name, answer] of Object.entries(allowed))
    if (answer !== 'done') t.not(answer.operation, 'pthread_create', `${name}: ${answer.operation} ${answer.code}`)
  child.stdin.end()
  t.same(await once(child, 'close'), [0, null])
})
