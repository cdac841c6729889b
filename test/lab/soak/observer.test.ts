// An observer as a process: what is told of its life, whoever ends it.

import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readStat } from '../../../src/lab/proc/proc.ts'
import { MemoryGroup } from '../../../src/lab/soak/memory-group.ts'
import { Observer, type ObserverOptions } from '../../../src/lab/soak/observer.ts'
import { victimOf } from '../../../src/lab/soak/oom.ts'
import type { CollectedLine } from '../../../src/protocol/collected.ts'
import type { ObservedLine } from '../../../src/protocol/observed.ts'

interface Watched {
  readonly observer: Observer
  readonly said: ObservedLine[]
  readonly lines: CollectedLine[]
  readonly warnings: string[]
  readonly log: string[]
  /** Resolves when as many lines were said. */
  until(wanted: (said: readonly ObservedLine[]) => boolean): Promise<void>
}

function watch(
  t: Test,
  script: string,
  config: Partial<ObserverOptions['config']> = {},
  command: readonly string[] = [process.execPath, '-e', script],
  group: MemoryGroup | null = null,
): Watched {
  const said: ObservedLine[] = []
  const lines: CollectedLine[] = []
  const warnings: string[] = []
  const log: string[] = []
  const waiting: (() => void)[] = []
  const observer = new Observer({
    name: 'sut',
    command,
    env: process.env,
    config: {
      output: 'none',
      ready: null,
      forbid: [],
      restart: false,
      metricsUrl: null,
      scrapeIntervalS: 5,
      metrics: [],
      memoryMaxBytes: null,
      ...config,
    },
    nowS: () => performance.now() / 1000,
    emit: line => {
      said.push(line)
      for (const look of waiting) look()
    },
    onLine: line => lines.push(line),
    onLog: line => log.push(line),
    onWarning: text => warnings.push(text),
    group,
    tree: null,
    onChange: () => {},
  })
  t.teardown(() => observer.stop(5))
  const until = (wanted: (said: readonly ObservedLine[]) => boolean): Promise<void> =>
    new Promise(resolve => {
      const look = (): void => {
        if (wanted(said)) resolve()
      }
      waiting.push(look)
      look()
    })
  return { observer, said, lines, warnings, log, until }
}

const forever = 'setInterval(() => {}, 1000);'

t.test('it is ready once it runs, and is told by pid and start', async t => {
  const { observer, said } = watch(t, forever)
  await observer.start()
  const { pid } = observer
  t.match(said, [{ is: 'observer_started', pid, start_ticks: readStat(pid)?.startTicks }])
  await observer.stop(5)
  t.match(said.slice(1), [{ is: 'observer_exited', pid, status: 'killed by SIGTERM', wanted: true, oom: false }])
  t.equal(observer.endsCount, 0)
  t.equal(observer.pid, 0)
})

t.test('one that says when it is ready is waited for', async t => {
  const script = `setTimeout(() => console.error('all is up'), 200); ${forever}`
  const { observer } = watch(t, script, { ready: 'is up$' })
  const startedMs = performance.now()
  await observer.start()
  t.ok(performance.now() - startedMs > 190)
})

t.test('one that ends before it is ready is an error with its last words', async t => {
  const { observer } = watch(t, "console.error('no such database'); process.exitCode = 3", { ready: 'up' })
  const error = { code: 'PROCESS_ENDED', facts: { process: 'sut', status: 'exit 3', lastWords: 'no such database' } }
  await t.rejects(observer.start(), error)
})

t.test('one that is not there is an error', async t => {
  const { observer } = watch(t, '', {}, ['/nowhere/sut'])
  const facts = { key: 'sut.command', command: '/nowhere/sut', errno: 'ENOENT' }
  await t.rejects(observer.start(), { code: 'COMMAND_REFUSED', exitCode: 2, facts, hint: /on the PATH.*\(#!\)/ })
})

t.test('one that may not be run is an error with what to do', async t => {
  const script = join(t.testdir({ sut: 'echo up' }), 'sut')
  await t.rejects(watch(t, '', {}, [script]).observer.start(), { code: 'COMMAND_REFUSED', hint: /chmod \+x/ })
})

t.test('an end that nobody wanted is told, and stays one where it is not to be restarted', async t => {
  const { observer, said, until } = watch(t, forever)
  await observer.start()
  process.kill(observer.pid, 'SIGKILL')
  await until(lines => lines.length === 2)
  t.match(said[1], { is: 'observer_exited', status: 'killed by SIGKILL', wanted: false, oom: false })
  t.equal(observer.endsCount, 1)
  t.equal(observer.pid, 0)
})

t.test('an end that nobody wanted is warned of with its last words, once', async t => {
  const script = "console.error('no route to host'); setTimeout(() => process.exit(7), 100)"
  const alone = watch(t, script, {})
  await alone.observer.start()
  await alone.until(lines => lines.some(({ is }) => is === 'observer_exited'))
  const words = /^sut ended by itself: exit 7; it is not started again \(sut.restart\).*It said last: no route to host$/
  t.match(alone.warnings, [words])
  const again = watch(t, script, { restart: true })
  await again.observer.start()
  await again.until(lines => lines.filter(({ is }) => is === 'observer_exited').length === 2)
  t.match(again.warnings, [/^sut ended by itself: exit 7; it is started again/])
})

t.test('where it is to be restarted it is, as another process', async t => {
  const { observer, said, until } = watch(t, forever, { restart: true })
  await observer.start()
  const { pid } = observer
  process.kill(pid, 'SIGKILL')
  await until(lines => lines.length === 3)
  t.match(said.slice(1), [{ is: 'observer_exited', pid, wanted: false }, { is: 'observer_started' }])
  t.not(observer.pid, pid)
})

t.test('a fault that kills it is wanted, and another is started', async t => {
  const { observer, said, warnings } = watch(t, forever)
  await observer.start()
  t.equal(await observer.killAndRevive(0.1), true)
  t.match(said.slice(1), [{ is: 'observer_exited', wanted: true }, { is: 'observer_started' }])
  t.equal(observer.endsCount, 0)
  t.same(warnings, [])
})

t.test('a fault that kills it while it is away for a restart starts one, and not two', async t => {
  const { observer, said, until } = watch(t, forever, { restart: true })
  await observer.start()
  process.kill(observer.pid, 'SIGKILL')
  await until(lines => lines.some(({ is }) => is === 'observer_exited'))
  t.equal(await observer.killAndRevive(0.5), false)
  const pids = said.flatMap(line => (line.is === 'observer_started' ? line.pid : []))
  // Of two only the second would be ended by its observer.
  for (const pid of pids.slice(1, -1)) process.kill(pid, 'SIGKILL')
  t.equal(pids.length, 2)
})

t.test('a fault that pauses it stops it and lets it go on', async t => {
  const { observer } = watch(t, forever)
  await observer.start()
  let isOver = false
  const felt = observer.pause(2).finally(() => {
    isOver = true
  })
  const isStopped = (): boolean => readStat(observer.pid)?.state === 'T'
  // Each of its threads stops when it gets a processor next.
  while (!isStopped() && !isOver) await new Promise(resolve => setTimeout(resolve, 5))
  t.notOk(isOver, 'it stands still')
  t.equal(await felt, true)
  while (isStopped()) await new Promise(resolve => setTimeout(resolve, 5))
})

t.test('a fault of one that is gone was not felt', async t => {
  const { observer, until } = watch(t, forever)
  await observer.start()
  process.kill(observer.pid, 'SIGKILL')
  await until(lines => lines.length === 2)
  t.equal(await observer.pause(0), false)
})

t.test('lines of its log that are forbidden are told, those of a collector are taken', async t => {
  const line = { is: 'netns_gone', at_s: 0, mono_s: 1, netns: '5' }
  const script = `console.log(${JSON.stringify(JSON.stringify(line))}); console.log('fatal error: x'); ${forever}`
  const { observer, said, lines, until } = watch(t, script, {
    output: 'nslab.collect/1',
    ready: 'fatal',
    forbid: ['^fatal'],
  })
  await observer.start()
  await until(all => all.some(({ is }) => is === 'log_match'))
  t.same(lines, [line])
  t.match(said.at(-1), { is: 'log_match', pattern: '^fatal', line: 'fatal error: x' })
})

t.test('a line that means to be of the format and is not is told, with its number and what is asked for', async t => {
  const output = [
    '{"is":"start"}',
    '{"level":"info","msg":"JSON of a log","of":{"is":"none"}}',
    '{worker 1} up',
    `{"is":"netns","netns":5,"tail":"${'x'.repeat(500)}"}`,
    "{'is': 'netns_gone', 'netns': '5'}",
    '{"is":"nets"}',
    '{"is":"netns_gone","mono_s":1,"netns":"5"}',
  ]
  const script = `console.log(${JSON.stringify(output.join('\n'))}); ${forever}`
  const { observer, said, lines, warnings, log, until } = watch(t, script, { output: 'nslab.collect/1' })
  await observer.start()
  await until(all => all.filter(({ is }) => is === 'line_malformed').length === 3)
  const malformed = said.filter(line => line.is === 'line_malformed')
  t.match(malformed, [
    { line: 4, problem: 'mono_s of "netns" must be a time in s' },
    { line: 5, problem: /JSON/ },
    { line: 6, problem: '"is" must be one of start, netns, netns_gone, socket, poll, blind, stop' },
  ])
  t.equal(malformed[0]?.text.length, 200)
  t.same(lines, [{ is: 'netns_gone', mono_s: 1, netns: '5' }])
  t.equal(warnings.length, 1, 'once')
  t.match(
    warnings[0],
    /^sut: line 4 of its output is none of nslab.collect\/1: mono_s of "netns" must be a time in s\. It is/,
  )
  t.match(warnings[0], 'Asked for: {"is": "netns", "mono_s"')
  t.match(log.slice(0, 2), [/JSON of a log/, /worker/])
})

t.test('of very many such lines not each is told, but their number', async t => {
  const script = `for (let n = 1; n <= 500; n++) console.log('{"is":"x"}'); console.log('{"is":"start"}'); ${forever}`
  const { observer, said } = watch(t, script, { output: 'nslab.collect/1' })
  await observer.start()
  const counts = said.flatMap(line => (line.is === 'line_malformed' ? (line.count ?? 1) : []))
  t.same(counts, [...Array(20).fill(1), 480])
})

t.test('a line that its end cuts short is none', async t => {
  const script = `process.stdout.write('{"is":"start"}\\n{"is":"netns","net'); ${forever}`
  const { observer, said, log, until } = watch(t, script, { output: 'nslab.collect/1' })
  await observer.start()
  process.kill(observer.pid, 'SIGKILL')
  await until(all => all.some(({ is }) => is === 'observer_exited'))
  t.same(
    said.map(({ is }) => is),
    ['observer_started', 'observer_exited'],
  )
  t.equal(log[0], '{"is":"netns","net')
})

t.test('a line that does not end is held against patterns in pieces', async t => {
  const script = `console.log('x'.repeat(10000)); console.log('up'); ${forever}`
  const { observer, said } = watch(t, script, { ready: '^up', forbid: ['^x+$'] })
  await observer.start()
  t.same(
    said.flatMap(line => (line.is === 'log_match' ? line.line.length : [])),
    [500, 500, 500],
  )
})

t.test('of very many lines that are forbidden not each is told, but their number', async t => {
  const script = `for (let n = 1; n <= 5000; n++) console.log('no ' + n); console.log('up'); ${forever}`
  const { observer, said } = watch(t, script, { ready: '^up', forbid: ['^no'] })
  await observer.start()
  const matches = (): number[] => said.flatMap(line => (line.is === 'log_match' ? (line.count ?? 1) : []))
  // It is looked at when it is ready.
  t.same(matches(), [...Array(1000).fill(1), 4000])
  t.match(said.at(-1), { line: 'no 5000', count: 4000 })
  observer.look()
  t.equal(matches().length, 1001)
})

t.test('one that does not end in order is killed', async t => {
  const { observer, said, warnings } = watch(t, `process.on('SIGTERM', () => {}); console.log('up'); ${forever}`, {
    ready: 'up',
  })
  await observer.start()
  await observer.stop(0.2)
  t.match(said.at(-1), { status: 'killed by SIGKILL', wanted: true, oom: false })
  t.same(warnings, ['sut had not ended 0.2 s after SIGTERM, and was killed'])
})

t.test("the kernel's word that it killed for want of memory", async t => {
  const record = '6,1,2,-;Out of memory: Killed process 17 (node) total-vm:1kB'
  t.equal(victimOf(record), 'node')
  t.equal(victimOf('3,1,2,-;Memory cgroup out of memory: Killed process 9 (nslab collect) x'), 'nslab collect')
  t.equal(victimOf('6,1,2,-;eth0: link up'), null)
})

/** Takes memory until it gets no more. */
const greedy = 'const kept = []; setInterval(() => kept.push(Buffer.alloc(8e6, 1)), 20)'

t.test('in a group of its own it is killed at the limit, which both sources tell', async t => {
  const group = MemoryGroup.make(`nslab-test-${process.pid}`, 200e6)
  const { observer, said, until } = watch(t, greedy, {}, undefined, group)
  t.teardown(() => group.remove())
  await observer.start()
  t.match(said, [{ is: 'memory_group', oom_kills_count: 0, max_bytes: 200e6 }, { is: 'observer_started' }])
  await until(all => all.some(({ is }) => is === 'observer_exited'))
  t.match(said.slice(2), [
    { is: 'memory_group', oom_kills_count: 1 },
    { is: 'observer_exited', status: 'killed by SIGKILL', wanted: false, oom: true },
  ])
  t.equal(await group.remove(), true)
})

t.test('a child of it that is killed at the limit is told as well', async t => {
  const group = MemoryGroup.make(`nslab-test-child-${process.pid}`, 200e6)
  const script = `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(greedy)}]); ${forever}`
  const { observer, said, until } = watch(t, script, {}, undefined, group)
  t.teardown(() => group.remove())
  await observer.start()
  const looking = setInterval(() => observer.look(), 20)
  await until(all => all.some(line => line.is === 'memory_group' && line.oom_kills_count === 1))
  clearInterval(looking)
  t.not(observer.pid, 0)
  t.equal(said.filter(({ is }) => is === 'observer_exited').length, 0)
  await observer.stop(5)
  t.equal(await group.remove(), true)
})

t.test('a group that can not be made says why', async t => {
  const group = MemoryGroup.make(`nslab-test-twice-${process.pid}`, 200e6)
  t.teardown(() => group.remove())
  // Neither below the nearest group nor, a name with a folder that is not there, below any other.
  t.throws(() => MemoryGroup.make('nowhere/nslab-test', 200e6), {
    code: 'NOT_FIT',
    facts: { problems: [/sut\.memory_max: .*ENOENT.*--on vm/] },
  })
  t.equal(await group.remove(), true)
  t.equal(await group.remove(), true, 'twice')
  t.equal(group.figures, null)
})

t.test('its end is seen, though a child of its own lives on and holds its outputs', async t => {
  // Lines of its log come as matches: the child's number is the only one.
  const command = ['sh', '-c', 'sleep 1000 & echo $! >&2; exit 7']
  const { observer, said, until } = watch(t, '', { forbid: ['^\\d+$'] }, command)
  await observer.start()
  await until(all => all.some(({ is }) => is === 'observer_exited'))
  t.match(said.at(-1), { is: 'observer_exited', status: 'exit 7', wanted: false })
  t.equal(observer.endsCount, 1)
  const child = said.flatMap(line => (line.is === 'log_match' ? Number(line.line) : []))
  t.equal(child.length, 1)
  process.kill(child[0] as number)
})
