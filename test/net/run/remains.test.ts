// What is said of what the kernel had not removed by the deadline of a fleet's end: where, how long, and what keeps it.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { readNamespaceHolders } from '../../../src/base/netns-holders.ts'
import { describeRemains } from '../../../src/dataplane/remains.ts'
import { native } from '../../../src/native/addon.ts'
import { builtFabric, fabricRoot, ringSpec } from '../../fixtures/fabric.ts'
import { childrenOf, NslabProcess } from '../../fixtures/nslab-process.ts'

/** A program that stays in the namespace at the path, until `end`. */
async function stayIn(t: Test, path: string): Promise<{ readonly pid: number; readonly end: () => Promise<void> }> {
  const child: ChildProcess = spawn('nsenter', [`--net=${path}`, 'sh', '-c', 'echo in; exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const end = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill()
    await once(child, 'exit')
  }
  t.teardown(end)
  if (child.stdout !== null) await once(child.stdout, 'data')
  return { pid: child.pid as number, end }
}

t.test(
  'the process in a namespace that remains is named, and a socket that no process shows is thought of',
  async t => {
    const root = await fabricRoot(t)
    const fabric = await builtFabric(t, root, ringSpec(3))
    const inodes = [0, 1, 2].map(index => Number(fabric.netns(index).identity.inode))
    const options = { native, waitedS: 0.5, inodeOf: (index: number) => inodes[index] ?? null }
    const { pid, end } = await stayIn(t, `/proc/${process.pid}/fd/${fabric.netns(0).fd}`)
    const fd = await fabric.netns(2).openSocket({ listen: { address: '127.0.0.1', port: 7003, backlog: 1 } })
    const { remaining } = await fabric.teardown(500)
    const isThere = (index: number): string =>
      `veth${index}a, not removed within 0.5 s: its link and its namespace net:[${inodes[index]}] remain, `
    const closing = 'a socket may, one that is open or one that waits for its peer to close (FIN_WAIT1)'
    t.strictSame(await describeRemains(remaining, options), [
      `${isThere(0)}held by /proc/${pid}/task/${pid}/ns/net (task)`,
      `${isThere(2)}which no process shows: ${closing}`,
    ])
    const busy = { awaitNetnsCleanup: () => Promise.reject(new Error('ETIMEDOUT')) }
    const [, last] = await describeRemains(remaining, { ...options, native: busy })
    t.equal(last, `${isThere(2)}and the kernel is still taking namespaces apart (cleanup_net)`)
    closeSync(fd)
    await end()
    const after = await fabric.teardown(20_000)
    t.strictSame(await describeRemains(after.remaining, options), [])
  },
)

t.test(
  'a run tells whose fabric it was',
  { skip: process.getuid?.() !== 0 && 'enters a node from outside' },
  async t => {
    const base = mkdtempSync(join(tmpdir(), 'nslab-remains-'))
    t.teardown(() => rmSync(base, { recursive: true, force: true }))
    const folder = join(base, 'run')
    const sets = ['run.hold=60s', 'run.teardown_deadline=1s'].flatMap(each => ['--set', each])
    const args = ['run', 'ring', '--nodes', '4', '--on', 'host', '--hosts', '2', ...sets, '--out', folder]
    const nslab = new NslabProcess(args, { folder })
    await nslab.inPhase('hold')
    const isUp = ({ kind, node_id }: { kind: string; node_id?: number }): boolean => kind === 'node_up' && node_id === 4
    const events = (): string[] => readFileSync(join(folder, 'events.ndjson'), 'utf8').split('\n').slice(0, -1)
    const lookForFourth = () =>
      events()
        .map(line => JSON.parse(line))
        .find(isUp)
    // Written a moment after the phase is told.
    while (lookForFourth() === undefined) await sleep(20)
    const fourth = lookForFourth()
    const programs = readNamespaceHolders(childrenOf(nslab.pid).map(({ pid }) => pid))
    const place = programs.find(({ inode }) => inode === fourth.netns_inode)
    const { pid, end } = await stayIn(t, place?.where ?? '')
    nslab.kill('SIGINT')
    t.equal((await nslab.ended).code, 130)
    await end()
    const { residue } = nslab.outcome()
    const holder = `/proc/${pid}/task/${pid}/ns/net`
    const its = `its link and its namespace net:\\[${fourth.netns_inode}\\] remain, held by ${holder}`
    t.match(residue[0], new RegExp(`^fabric of host2: veth1a, not removed within \\d\\.\\d s: ${its} \\(task\\)$`))
  },
)
