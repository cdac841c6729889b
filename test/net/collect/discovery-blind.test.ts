// What discovery can't see is counted, what it is itself does not count, and nothing of it stays.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { Blind } from '../../../src/dataplane/discovery/discovery.ts'
import { Discovery } from '../../../src/dataplane/discovery/discovery.ts'
import { asNobody, isRoot } from '../../fixtures/launch.ts'
import { isApart, startHolder, untilRemoved, watch } from '../../fixtures/netns-holder.ts'

const programPath = fileURLToPath(new URL('../../fixtures/discovery-program.ts', import.meta.url))

type Line = { readonly is: string } & Readonly<Record<string, unknown>>

interface Program {
  readonly child: ChildProcess
  /** The next line of that kind; what comes before it is passed over. */
  next(is: string, where?: (line: Line) => boolean): Promise<Line>
}

/** Discovers in a process of its own. */
function startProgram(t: Test, prefix: readonly string[] = [], directories: readonly string[] = []): Program {
  const [command = '', ...args] = [...prefix, process.execPath, '--import', 'tsx', programPath, ...directories]
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = new Promise(resolve => child.once('close', resolve))
  t.teardown(async () => {
    child.stdin.end()
    await closed
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next: Program['next'] = async (is, where = () => true) => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`the program ended before it told ${is}`)
      const line = JSON.parse(value) as Line
      if (line.is === is && where(line)) return line
    }
  }
  return { child, next }
}

const blindOf = async (program: Program): Promise<Blind> => (await program.next('blind')).blind as Blind

const folder = (t: Test): string => {
  const path = mkdtempSync(join(tmpdir(), 'nslab-discovery-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** For tests that become nobody. */
const asRoot = { skip: isRoot ? false : 'needs root, to become nobody' }

const descriptors = (): number => readdirSync('/proc/self/fd').length

function tests(): void {
  t.test('processes that may not be read are counted', asRoot, async t => {
    const holder = await startHolder(t)
    await holder.make('one', 'process')
    const program = startProgram(t, asNobody)
    const blind = await blindOf(program)
    t.ok(blind.unreadableProcesses >= 2, 'the holder and its child')
    t.match(blind, { unopened: 0, hidesProcesses: false, innerPids: true, kinds: [] })
    t.match(await program.next('started'), { count: 1 })
  })

  t.test('a namespace that may be seen and not entered is counted', asRoot, async t => {
    const inner = spawn(asNobody[0], [...asNobody.slice(1), 'unshare', '--user', '--net', 'sh', '-c', 'echo; exec cat'])
    t.teardown(() => inner.stdin.end())
    await new Promise(resolve => inner.stdout.once('data', resolve))
    const blind = await blindOf(startProgram(t, asNobody))
    t.match(blind, { unopened: 1, unopenedReason: 'EPERM' })
  })

  t.test('processes that /proc hides make kinds that nobody can find', asRoot, async t => {
    const hidden = 'mount -t proc -o hidepid=invisible proc /proc && exec "$@"'
    const blind = await blindOf(startProgram(t, ['unshare', '--mount', 'sh', '-c', hidden, 'sh', ...asNobody]))
    t.match(blind, { hidesProcesses: true, kinds: ['process', 'thread', 'descriptor', 'socket'] })
  })

  t.test('with /proc of another PID namespace it does not begin', async t => {
    const program = startProgram(t, ['unshare', '--pid', '--fork'])
    t.match(await program.next('failed'), { code: 'EXDEV' })
  })

  t.test('without descriptors to spare, namespaces are counted that could not be opened, and none is lost', async t => {
    const holder = await startHolder(t)
    const made = []
    for (let i = 0; i < 60; i++) made.push(await holder.make(`${i}`, 'descriptor'))
    const program = startProgram(t, ['prlimit', '--nofile=64'])
    const blind = await blindOf(program)
    t.ok(blind.unopened > 0)
    t.equal(blind.unopenedReason, 'EMFILE')
    const { count } = (await program.next('started')) as unknown as { count: number }
    t.equal(count + blind.unopened, 61, 'and its own')
    for (let i = 0; i < 60; i++) await holder.drop(`${i}`)
    program.child.stdin?.write('\n')
    t.match(await blindOf(program), { unopened: 0 })
  })

  t.test('where nothing may be watched, it finds all the same', async t => {
    const none = `echo 0 >/proc/sys/user/max_inotify_instances || exit; unshare --net sleep 60 &
      while [ "$(readlink /proc/$!/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do :; done; exec "$@"`
    const inner = ['unshare', '--user', '--map-root-user', '--net', '--pid', '--fork', '--kill-child', '--mount-proc']
    const program = startProgram(t, [...inner, 'sh', '-c', none, 'sh'], [folder(t)])
    await program.next('found', ({ foundBy }) => foundBy === 'process')
    t.match(await program.next('started'), { count: 2 })
  })

  t.test('a process with very many descriptors is told, and how late what it alone holds is found', async t => {
    const holder = await startHolder(t)
    const few = await watch(t)
    t.match(few.blind.at(-1), { largeProcesses: 0, largeApartMs: 0 })
    await few.discovery.stop()
    await holder.crowd(8000)
    const { blind, discovery } = await watch(t)
    t.equal(blind.at(-1)?.largeProcesses, 1)
    t.ok((blind.at(-1)?.largeApartMs ?? 0) >= 12, 'three times the least that makes it large')
    await holder.drop('crowd')
    await discovery.reconcile()
    t.match(blind.at(-1), { largeProcesses: 0, largeApartMs: 0 })
  })

  t.test('two observers do not keep what each other sees', async t => {
    const holder = await startHolder(t)
    const program = startProgram(t)
    await program.next('started')
    const watched = await watch(t)
    const made = await holder.make('one', 'socket')
    await watched.found(made.cookie)
    await program.next('found', ({ cookie }) => cookie === made.cookie)
    t.equal(watched.blind.at(-1)?.observers, 1)
    await holder.drop('one')
    await watched.gone(made.cookie)
    await program.next('gone', ({ cookie }) => cookie === made.cookie)
    await untilRemoved(made)
  })

  t.test('what a folder’s links lead to is found by the folder, links to nowhere are nothing', async t => {
    const holder = await startHolder(t, ['unshare', '--net'])
    const directory = folder(t)
    symlinkSync(`/proc/${holder.pid}/ns/net`, join(directory, 'linked'))
    symlinkSync('/nowhere', join(directory, 'broken'))
    writeFileSync(join(directory, 'file'), '')
    const { seen } = await watch(t, { directories: [directory] })
    t.match(
      seen.map(one => one.is === 'found' && [one.found.foundBy, one.found.name]),
      [
        ['self', null],
        ['directory', join(directory, 'linked')],
      ],
    )
  })

  t.test('more events than the kernel keeps lose nothing', async t => {
    const holder = await startHolder(t)
    const directory = folder(t)
    const program = startProgram(t, [], [directory])
    await program.next('started')
    program.child.kill('SIGSTOP')
    const queue = Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8'))
    const flood =
      'import os,sys\nfor i in range(int(sys.argv[2])): os.close(os.open(f"{sys.argv[1]}/f{i}", os.O_CREAT))'
    t.equal(spawnSync('python3', ['-c', flood, directory, `${queue + 100}`]).status, 0)
    const made = await holder.make('one', 'named', join(directory, 'one'))
    program.child.kill('SIGCONT')
    const found = await program.next('found', ({ cookie }) => cookie === made.cookie)
    t.match(found, { foundBy: 'directory', name: join(directory, 'one') })
    await holder.drop('one')
  })

  t.test('a folder that goes away and comes back is watched again', async t => {
    const holder = await startHolder(t)
    const directory = join(folder(t), 'names')
    mkdirSync(directory)
    const watched = await watch(t, { directories: [directory] })
    rmSync(directory, { recursive: true })
    await watched.discovery.reconcile()
    mkdirSync(directory)
    await watched.discovery.reconcile()
    const made = await holder.make('one', 'named', join(directory, 'one'))
    t.match(await watched.found(made.cookie), { foundBy: 'directory' })
    await holder.drop('one')
  })

  t.test('it stops in the middle of its first look, and leaves nothing', async t => {
    const holder = await startHolder(t)
    for (let i = 0; i < 50; i++) await holder.make(`${i}`, 'socket')
    const before = descriptors()
    const quiet = { directories: [], onFound: () => undefined, onGone: () => undefined }
    for (let i = 0; i < 20; i++) {
      const discovery = new Discovery(quiet)
      const started = discovery.start()
      const refused = t.rejects(started, { code: 'ECANCELED' })
      await discovery.stop()
      await refused
      await discovery.stop()
      await t.rejects(discovery.reconcile(), { code: 'ECANCELED' })
    }
    // Those of an earlier test's programs may have gone meanwhile.
    t.ok(descriptors() <= before, `${descriptors()} of ${before}`)
  })

  t.test('a process may end while it looks', async t => {
    const program = startProgram(t)
    await program.next('started')
    const ended = once(program.child, 'close')
    program.child.stdin?.write('exit\n')
    t.same(await ended, [7, null])
  })

  t.test('after 1,000 namespaces there are as many descriptors as before, and none is left in the kernel', async t => {
    const holder = await startHolder(t)
    const watched = await watch(t, { intervalMs: 10 })
    // With the first namespace, its thread opens the one that it comes back to.
    await watched.found((await holder.make('first', 'socket')).cookie)
    const [before, known] = [descriptors(), watched.discovery.count]
    const made = []
    for (let i = 0; i < 1000; i++) {
      made.push(await holder.make('one', ['descriptor', 'socket', 'thread'][i % 3] ?? ''))
      await holder.drop('one')
    }
    await watched.discovery.reconcile()
    t.equal(watched.discovery.count, known)
    // Some are open for a moment, whenever it looks.
    while (descriptors() > before) await sleep(1)
    for (const one of made.slice(-50)) await untilRemoved(one)
    t.ok(watched.seen.length > 20, 'some were seen while they lived')
  })
}

if (isApart(fileURLToPath(import.meta.url))) tests()
