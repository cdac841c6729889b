// Nothing outlives a launcher that is told to die with its parent, whoever is killed and whenever.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { Random } from '../../src/base/random.ts'
import { asNobody, firstLine, isRoot, launcher, markGone, processesMarked } from '../fixtures/launch.ts'

const seed = Number(process.env.NSLAB_SEED ?? 1)
const random = new Random(seed)
let marks = 0

interface Tree {
  readonly parent: ChildProcess
  readonly mark: string
}

/** A shell that starts the launcher, which starts a shell with two children of its own, one in another session. */
function startTree(t: Test, options: string, prefix: readonly string[] = []): Tree {
  const mark = `NSLAB_TEST_MARK=${process.pid}.${seed}.${marks++}`
  const program = 'sleep 1000 & setsid sleep 1000 & echo on; sleep 1000; true'
  const line = `"$0" --parent-death 9 $$ ${options} -- sh -c '${program}'; true`
  const [first, ...rest] = [...prefix, 'sh', '-c', line, launcher]
  const [name, value] = mark.split('=') as [string, string]
  const parent = spawn(first as string, rest, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, [name]: value },
  })
  t.teardown(() => {
    for (const pid of processesMarked(mark)) process.kill(pid, 'SIGKILL')
  })
  return { parent, mark }
}

/** Spends a moment without letting the event loop turn, so that kills fall within the launcher's few milliseconds. */
function spin(us: number): void {
  const end = performance.now() + us / 1000
  while (performance.now() < end);
}

t.test('a killed parent takes everything along, at any moment of the start', async t => {
  t.comment(`seed ${seed}`)
  for (let i = 0; i < 60; i++) {
    const { parent, mark } = startTree(t, '--user --pid --ipc --mount')
    spin(random.below(12_000))
    parent.kill('SIGKILL')
    await once(parent, 'exit')
    t.same(await markGone(mark), [])
  }
})

t.test('a killed parent takes a complete tree along', async t => {
  for (const prefix of isRoot ? [[], asNobody] : [[]]) {
    const { parent, mark } = startTree(t, '--user --pid', prefix)
    await firstLine(parent.stdout as NodeJS.ReadableStream)
    t.ok(processesMarked(mark).length >= 5, 'shell, launcher, init, program, its children')
    parent.kill('SIGKILL')
    t.same(await markGone(mark), [])
  }
})

t.test('a program that gave up root ends with the parent too', { skip: isRoot ? false : 'needs root' }, async t => {
  for (const options of ['--pid --uid 65534 --gid 65534', '--pid --uid 65534 --gid 65534 --user-as 1000']) {
    const { parent, mark } = startTree(t, options)
    await firstLine(parent.stdout as NodeJS.ReadableStream)
    parent.kill('SIGKILL')
    t.same(await markGone(mark), [])
  }
})

t.test('whichever process between parent and program is killed, the program ends', async t => {
  for (const which of ['launcher', 'init']) {
    const { parent, mark } = startTree(t, '--user --pid')
    await firstLine(parent.stdout as NodeJS.ReadableStream)
    // In order of birth: shell, launcher, init, program, …
    const pids = processesMarked(mark).sort((a, b) => a - b)
    process.kill(pids[which === 'launcher' ? 1 : 2] as number, 'SIGKILL')
    await once(parent, 'exit')
    t.same(await markGone(mark), [])
  }
})
