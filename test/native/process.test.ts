// What a program of a run does about itself, on real processes.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { native } from '../../src/native/addon.ts'
import { ended, firstLine, markGone, processesMarked } from '../fixtures/launch.ts'

const mark = `NSLAB_TEST_MARK=${process.pid}.process`
const addonUrl = new URL('../../src/native/addon.ts', import.meta.url).href

/** A Node.js process that runs `script` with the addon at hand. */
function startNode(
  script: string,
  stdio: ('ignore' | 'pipe' | 'inherit' | number)[] = ['ignore', 'pipe', 'pipe'],
): ChildProcess {
  const env = { ...process.env, NSLAB_TEST_MARK: mark.split('=')[1] }
  const prelude = `const { native } = await import(${JSON.stringify(addonUrl)});`
  return spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', prelude + script], { stdio, env })
}

/** The close-on-exec flag of an open descriptor. */
function isCloseOnExec(fd: number): boolean {
  const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
  return (Number.parseInt(flags as string, 8) & 0o2000000) !== 0
}

t.test('a process gets its signal when its parent is killed', async t => {
  const child = `native.setParentDeathSignal(9, process.ppid); console.log(process.pid); setInterval(() => {}, 1e6)`
  const parent = startNode(`
    const { spawn } = await import('node:child_process')
    spawn(process.execPath, [...process.execArgv.slice(0, 2), '--input-type=module', '-e',
      ${JSON.stringify(`const { native } = await import(${JSON.stringify(addonUrl)});${child}`)}], { stdio: 'inherit' })
    setInterval(() => {}, 1e6)`)
  t.teardown(() => {
    for (const pid of processesMarked(mark)) process.kill(pid, 'SIGKILL')
  })
  await firstLine(parent.stdout as NodeJS.ReadableStream)
  t.equal(processesMarked(mark).length, 2)
  parent.kill('SIGKILL')
  t.same(await markGone(mark), [])
})

t.test('a parent that is another than expected is an error', async t => {
  const child = startNode(`
    try { native.setParentDeathSignal(9, process.ppid + 1) } catch (error) { console.log(error.code) }`)
  t.equal((await ended(child)).out, 'ESRCH')
})

t.test('a process begins anew as another program, with its pid, its streams and what it inherited', async t => {
  const inherited = openSync('/dev/null', 'r')
  t.teardown(() => closeSync(inherited))
  // Node.js closes streams that it has opened when another program begins: both are opened.
  const script = `
    process.stderr.write('before'); console.log(process.pid)
    native.execute(['/bin/sh', '-c', 'echo $$ $NAME $HOME; echo after >&2; ls -l /proc/$$/fd'], ['NAME=of it'], [3])`
  const child = startNode(script, ['ignore', 'pipe', 'pipe', inherited])
  const { out, err } = await ended(child)
  const [first, second, ...descriptors] = out.split('\n')
  t.equal(first, `${child.pid}`)
  t.equal(second, `${child.pid} of it`, 'nothing of the environment but what was given')
  t.match(descriptors.join('\n'), / 3 -> \/dev\/null/)
  t.equal(err, 'beforeafter')
})

t.test('a program that can not begin is an error, and this one goes on', async t => {
  t.throws(() => native.execute(['/nothing/here'], [], []), { code: 'ENOENT', message: /\/nothing\/here/ })
  t.throws(() => native.execute([], [], []), { code: 'EINVAL' })
  t.throws(() => native.execute(['/bin/true'], [], [-1]), { code: 'EINVAL' })
})

t.test('a thread other than the main one is refused', async t => {
  const require = `process.getBuiltinModule?.('node:module') ?? require('node:module')`
  const path = new URL('../../native/build/Release/nslab.node', import.meta.url).pathname
  const worker = new Worker(
    `const { createRequire } = ${require}
     const { parentPort } = require('node:worker_threads')
     try { createRequire('/')(${JSON.stringify(path)}).setParentDeathSignal(9, process.ppid) }
     catch (error) { parentPort.postMessage(error.code) }`,
    { eval: true },
  )
  // A worker that has ended before its message is looked at tells both at once.
  const [[code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
  t.equal(code, 'EINVAL')
})

t.test('arguments that make no sense are refused', async t => {
  const loose = native as unknown as {
    setParentDeathSignal(...args: unknown[]): void
    closeOnExec(...args: unknown[]): void
  }
  for (const args of [[], [9], ['9', 1], [0, 1], [65, 1], [-1, 1]])
    t.throws(() => loose.setParentDeathSignal(...args), { code: 'EINVAL' })
  for (const args of [[], [3], [[-1]], [['3']]]) t.throws(() => loose.closeOnExec(...args), { code: 'EINVAL' })
})

t.test('every descriptor above 2 becomes close-on-exec but those named', async t => {
  const fd = openSync('/dev/null', 'r')
  t.teardown(() => closeSync(fd))
  // In a process of its own: the descriptors of this one are not this test's. Node.js makes the inherited ones
  // close-on-exec itself, but only up to the first gap above 15.
  const stdio: ('ignore' | 'pipe' | 'inherit' | number)[] = ['ignore', 'pipe', 'inherit']
  for (let i = 3; i < 64; i++) stdio.push(i < 60 ? 'ignore' : fd)
  const child = startNode(
    `const { readFileSync } = await import('node:fs'); ${isCloseOnExec}
     const states = () => [0, 1, 2, 60, 61, 62, 63].map(isCloseOnExec)
     const results = [states()]
     for (const except of [[63, 61, 61], []]) {
       native.closeOnExec(except)
       results.push(states())
     }
     console.log(JSON.stringify(results))`,
    stdio,
  )
  const { out } = await ended(child)
  const [before, first, second] = JSON.parse(out) as boolean[][]
  t.same(before?.slice(3), [false, false, false, false])
  t.same(first?.slice(3), [true, false, true, false])
  t.same(second?.slice(3), [true, true, true, true])
  t.same(second?.slice(0, 3), before?.slice(0, 3), 'the standard three stay as they are')
})
