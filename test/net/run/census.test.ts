// The census on the real kernel: what it sees of namespaces and processes, and whose it says they are.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { mountedNamespaces } from '../../../src/base/netns-holders.ts'
import { RUN_VARIABLE } from '../../../src/base/run-mark.ts'
import { type Census, observeRun, takeCensus } from '../../../src/lab/site/census.ts'
import { diffCensus, type Ours } from '../../../src/lab/site/census-diff.ts'
import { cookieAt, quiesce } from '../../../src/lab/site/quiesce.ts'
import { type Child, startChild } from '../../fixtures/lab/child.ts'

/** As an ordinary user, namespaces need a user namespace around them. */
const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
const RUN = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)
const ours: Ours = {
  run_id: RUN,
  pid: process.pid,
  processes: [],
  namespaces: [],
  shared_memory: [],
  interfaces: [],
  raised: {},
  leaseHolders: () => [],
  otherRunPids: [],
  keptFolders: [],
}

interface Namespaces {
  readonly inodes: readonly number[]
  readonly cookies: readonly string[]
}

async function startFleet(t: Test, runId: string, count: number): Promise<{ child: Child } & Namespaces> {
  const child = startChild(t, 'fleet', [String(count)], { env: { [RUN_VARIABLE]: runId } })
  return { child, ...((await child.next()) as Namespaces) }
}

/**
 * How many of these network namespaces are residue, and how many foreign, where nothing else has changed: the machine
 * lives on meanwhile, others may fill the lines that foreign findings get, and numbers of theirs are used again.
 */
function ofNamespaces(after: Census, ours: Ours, inodes: readonly number[]): [number, number] {
  const allElse = { ...after, namespaces: after.namespaces.filter(({ inode }) => !inodes.includes(inode)) }
  const difference = diffCensus(allElse, after, ours)
  const about = (lines: readonly string[]): number =>
    lines.filter(line => inodes.some(inode => line.startsWith(`network namespace ${inode},`))).length
  return [about(difference.residue), about(difference.foreign)]
}

t.test('a fleet that still lives after its run is residue; once it is gone, nothing is', async t => {
  const before = takeCensus()
  const fleet = await startFleet(t, RUN, 20)
  const objects = observeRun([fleet.child.pid])
  t.same(
    fleet.inodes.filter(inode => !objects.namespaces.includes(inode)),
    [],
    'every namespace was observed',
  )
  const { cookies = {} } = observeRun([fleet.child.pid], cookieAt)
  t.same(
    fleet.inodes.map(inode => cookies[inode]),
    fleet.cookies,
    'and its identity read',
  )
  const census = takeCensus()
  const during = diffCensus(before, census, ours)
  t.same(ofNamespaces(census, ours, fleet.inodes), [20, 0])
  t.ok(during.residue.some(line => line.startsWith(`process ${fleet.child.pid} `)))
  fleet.child.process.stdin?.end()
  t.equal(await fleet.child.ended, 0)
  await quiesce(10_000)
  const after = diffCensus(before, takeCensus(), { ...ours, ...objects })
  t.same(
    after.residue.filter(line => !line.includes('descriptor')),
    [],
  )
})

t.test('two runs at once are no residue of each other', async t => {
  const mine = await startFleet(t, RUN, 3)
  const theirs = await startFleet(t, OTHER, 3)
  const census = takeCensus()
  t.same(ofNamespaces(census, ours, [...mine.inodes, ...theirs.inodes]), [3, 3])
  t.same(ofNamespaces(census, { ...ours, run_id: OTHER }, theirs.inodes), [3, 0])
  const reused = { ...ours, namespaces: theirs.inodes }
  t.same(ofNamespaces(census, reused, theirs.inodes), [0, 3], 'numbers of ours that they have now')
})

t.test('a namespace of a program outside any run is foreign', async t => {
  const child = spawn('unshare', [...asRoot, '--net', 'sh', '-c', 'echo; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const after = takeCensus()
  const inode = after.namespaces.find(holder => holder.pid === child.pid)?.inode as number
  // Its parent is this process, which stands for `nslab run`: so say that it is somebody else's.
  t.same(ofNamespaces(after, { ...ours, pid: 0 }, [inode]), [0, 1])
})

t.test(
  'a namespace that only a mount holds, in another mount namespace, is seen; a cookie tells if it is ours',
  async t => {
    const run = join(t.testdir(), 'run')
    mkdirSync(run)
    const script = 'mount -t tmpfs tmpfs /run && ip netns add nslab-test && echo && exec cat'
    const child = spawn('unshare', [...asRoot, '--mount', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
    t.teardown(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    const after = takeCensus()
    const holder = after.namespaces.find(({ pid, how }) => pid === child.pid && how === 'mount')
    t.match(holder, { where: '/run/netns/nslab-test' })
    const inode = holder?.inode as number
    const asOurs = { ...ours, pid: 0, namespaces: [inode] }
    t.same(ofNamespaces(after, { ...ours, pid: 0 }, [inode]), [0, 1])
    t.same(ofNamespaces(after, asOurs, [inode]), [1, 0])
    const proven = { ...after, cookies: { [inode]: '1' } }
    t.same(ofNamespaces(proven, { ...asOurs, cookies: { [inode]: '2' } }, [inode]), [0, 1])

    t.comment("somebody else's, with a number that one of ours had before")
    const known = new Map([[inode, '1']])
    const again = takeCensus({ known, cookieOf: cookieAt })
    t.match(again.cookies[inode], /^\d+$/)
    t.same(ofNamespaces(again, { ...asOurs, cookies: { [inode]: '1' } }, [inode]), [0, 1])
  },
)

t.test('cookies of known namespaces are proven from where they are held', async t => {
  const fleet = await startFleet(t, OTHER, 2)
  const known = new Map(fleet.inodes.map((inode, i) => [inode, fleet.cookies[i] as string]))
  const { cookies } = takeCensus({ known, cookieOf: cookieAt })
  t.same(cookies, Object.fromEntries(known))
  t.equal(cookieAt('/dev/null'), null)
  t.equal(cookieAt('/none'), null)
})

t.test('own descriptors that stay open are residue', async t => {
  const before = takeCensus()
  const fd = openSync('/dev/zero', 'r')
  t.ok(diffCensus(before, takeCensus(), ours).residue.some(line => line.endsWith('/dev/zero')))
  closeSync(fd)
  t.notOk(diffCensus(before, takeCensus(), ours).residue.some(line => line.endsWith('/dev/zero')))
})

t.test('mounted namespaces are read from mountinfo', async t => {
  const text =
    '36 35 0:4 net:[4026532177] /run/netns/a rw shared:1 - nsfs nsfs rw\n' +
    '37 35 0:4 mnt:[4026532178] /run/x rw - nsfs nsfs rw\n38 35 98:0 / /mnt rw - ext4 /dev/x rw\n'
  t.same(mountedNamespaces(text), [{ inode: 4026532177, point: '/run/netns/a' }])
})
