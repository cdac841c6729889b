// Processes that a program in the observer's place starts: real ones, found in the kernel's own list.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { OBSERVER_VARIABLE } from '../../../src/base/run-mark.ts'
import { readStat } from '../../../src/lab/proc/proc.ts'
import { readProcesses } from '../../../src/lab/proc/process-table.ts'
import { ObserverTree } from '../../../src/lab/soak/observer-tree.ts'
import type { ObservedLine } from '../../../src/protocol/observed.ts'

class Watch {
  readonly said: ObservedLine[] = []
  nowS = 0
  readonly tree: ObserverTree
  readonly #root: ChildProcess

  private constructor(root: ChildProcess, mark: string, helpers: readonly string[]) {
    this.#root = root
    this.tree = new ObserverTree({ helpers, mark, nowS: () => this.nowS, emit: line => this.said.push(line) })
  }

  /** A shell that runs `script`, which says a line when all is there. */
  static async of(t: Test, script: string, helpers: readonly string[] = ['sleep']): Promise<Watch> {
    const mark = randomUUID()
    const env = { ...process.env, [OBSERVER_VARIABLE]: mark }
    const root = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'], env })
    const watch = new Watch(root, mark, helpers)
    t.teardown(() => {
      for (const pid of [watch.root, ...watch.tree.pids]) tryKill(pid)
    })
    await once(root.stdout as NonNullable<typeof root.stdout>, 'data')
    return watch
  }

  get root(): number {
    return this.#root.pid as number
  }

  look(nowS: number, root = this.root): void {
    this.nowS = nowS
    this.tree.look(root)
  }

  /** Looks until it holds, all at one time. */
  async until(nowS: number, holds: () => boolean): Promise<void> {
    for (this.look(nowS); !holds(); this.look(nowS)) await new Promise(resolve => setTimeout(resolve, 5))
  }

  /** The one of its processes with this name. */
  pidOf(name: string): number {
    const found = this.tree.pids.filter(pid => readStat(pid)?.comm === name)
    if (found.length !== 1) throw new Error(`${found.length} processes are called ${name}`)
    return found[0] as number
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {}
}

const isNamed = (watch: Watch, name: string) => (): boolean => watch.tree.pids.some(pid => readStat(pid)?.comm === name)

const LOOP = 'while :; do echo; tail -f /dev/null; done'

t.test('who stays is told, and who comes in its place at once', async t => {
  const watch = await Watch.of(t, LOOP)
  await watch.until(1, isNamed(watch, 'tail'))
  const first = watch.pidOf('tail')
  watch.look(5)
  t.same(watch.said, [], 'it has not lived for long')
  t.same(watch.tree.stayingPids, [])
  watch.look(6)
  const start_ticks = readStat(first)?.startTicks
  const told = { is: 'child_stays', pid: first, start_ticks, parent_pid: watch.root, name: 'tail' }
  t.match(watch.said, [{ ...told, t_s: 6, first_s: 1 }])
  t.same(watch.tree.stayingPids, [first])
  process.kill(first, 'SIGKILL')
  await watch.until(7, () => watch.said.length === 3)
  const second = watch.pidOf('tail')
  t.not(second, first)
  const said = (pid: number) => watch.said.find(line => 'pid' in line && line.pid === pid && line.t_s === 7)
  t.match(said(first), { is: 'child_ended', start_ticks, parent_lives: true })
  t.match(said(second), { is: 'child_stays', first_s: 7, parent_pid: watch.root, name: 'tail' })
})

t.test('what is run for a moment, and helpers by their names, are not told', async t => {
  const watch = await Watch.of(t, 'tail -f /dev/null & while :; do sleep 0.02; ls / > /dev/null; echo; done', ['tail'])
  await watch.until(1, isNamed(watch, 'tail'))
  // However long a moment is on this machine: at most a second passes for the tree while it lasts.
  const moments = (): number[] => watch.tree.pids.filter(pid => readStat(pid)?.comm !== 'tail')
  for (let second = 2, last: number[] = []; second < 20; second++) {
    await watch.until(second, () => moments().length > 0 && !moments().some(pid => last.includes(pid)))
    last = moments()
  }
  t.same(watch.said, [])
  t.equal(watch.tree.pids.includes(watch.pidOf('tail')), true, 'which are processes of it all the same')
})

t.test('one that has left its parents is known by the mark, and its parent is the first process', async t => {
  const watch = await Watch.of(t, '(setsid tail -f /dev/null & ) ; echo; read never < /dev/zero')
  await watch.until(1, isNamed(watch, 'tail'))
  watch.look(6)
  const orphan = watch.pidOf('tail')
  t.not(readStat(orphan)?.parentPid, watch.root)
  t.match(watch.said, [{ is: 'child_stays', pid: orphan, parent_pid: watch.root }])
})

t.test('one without the mark is known by its parent, and stays known when that ends', async t => {
  const watch = await Watch.of(t, `env -i sh -c 'echo; tail -f /dev/null & read never < /dev/zero' & wait; ${LOOP}`)
  await watch.until(1, isNamed(watch, 'tail'))
  const orphan = watch.pidOf('tail')
  const parent = readStat(orphan)?.parentPid as number
  t.not(parent, watch.root)
  watch.look(6)
  process.kill(parent, 'SIGKILL')
  await watch.until(7, () => watch.said.some(line => line.is === 'child_ended'))
  t.ok(watch.tree.stayingPids.includes(orphan))
  process.kill(orphan, 'SIGKILL')
  const endOf = () => watch.said.find(line => line.is === 'child_ended' && line.pid === orphan)
  await watch.until(8, () => endOf() !== undefined)
  t.match(endOf(), { parent_lives: true }, 'which is the first process now')
})

t.test('those that end with what had started them are told as such', async t => {
  const watch = await Watch.of(t, LOOP)
  await watch.until(1, isNamed(watch, 'tail'))
  watch.look(6)
  const child = watch.pidOf('tail')
  process.kill(watch.root, 'SIGKILL')
  while (readStat(watch.root) !== null) await new Promise(resolve => setTimeout(resolve, 5))
  process.kill(child, 'SIGKILL')
  await watch.until(7, () => watch.tree.pids.length === 0)
  t.match(watch.said.slice(1), [{ is: 'child_ended', pid: child, parent_lives: false }])
  watch.look(8, 0)
  t.equal(watch.said.length, 2)
})

t.test('one that has ended and that nobody has asked how is no new one', async t => {
  const watch = await Watch.of(t, 'tail -f /dev/null & echo; exec tail -f /dev/null')
  await watch.until(1, isNamed(watch, 'tail'))
  watch.look(6)
  const child = watch.pidOf('tail')
  process.kill(child, 'SIGKILL')
  await watch.until(7, () => watch.said.length === 2)
  t.equal(readStat(child)?.state, 'Z')
  watch.look(8)
  t.same(watch.tree.pids, [])
  t.equal(watch.said.length, 2)
})

t.test('processes of others are none of it', async t => {
  const watch = await Watch.of(t, LOOP)
  await watch.until(1, isNamed(watch, 'tail'))
  watch.look(2)
  const own = new Set([watch.root, ...watch.tree.pids])
  t.ok(own.size < 4, `${own.size} of ${readProcesses().size}`)
  t.notOk(own.has(process.pid))
})

t.test('while there is no program, nobody is started by it: not process 1 either', async t => {
  const tree = new ObserverTree({ helpers: [], mark: randomUUID(), nowS: () => 0, emit: () => {} })
  tree.look(0)
  t.same(tree.pids, [])
})
