import { execFileSync } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isTelling, KernelLog, parseKernelRecord, shortened } from '../../../src/lab/agent/kernel-log.ts'

t.test('a record has its level, its time and its text, without its facts', async t => {
  const record = '4,339,5140900,-;NET: \\x09Registered\n SUBSYSTEM=net\n DEVICE=+net:lo\n'
  t.same(parseKernelRecord(record), { monotonic_ns: '5140900000', level: 'warning', message: 'NET: \tRegistered' })
  t.equal(parseKernelRecord('12,1,2,-;a program wrote this'), null)
  t.equal(parseKernelRecord('no record'), null)
})

t.test('warnings and worse are told, and below that what means a fault', async t => {
  const at = (level: 'err' | 'warning' | 'notice' | 'info', message: string) => ({ monotonic_ns: '1', level, message })
  const told = [
    at('err', 'Out of memory: Killed process 7 (node)'),
    at('warning', 'anything'),
    at('info', 'neighbour: arp_cache: neighbor table overflow!'),
    at('info', 'node[8]: segfault at 0 ip 0'),
  ]
  for (const message of told) t.equal(isTelling(message), true, message.message)
  for (const message of [at('info', 'device eth0 entered promiscuous mode'), at('notice', 'x')])
    t.equal(isTelling(message), false, message.message)
})

t.test('of a dump only the lines that say what happened are told', async t => {
  const dump = [
    'tail invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0',
    'CPU: 0 PID: 97 Comm: tail Tainted: G            E      6.1.0-56-cloud-amd64 #1  Debian 6.1.192-2',
    'Call Trace:',
    ' <TASK>',
    ' dump_stack_lvl+0x44/0x5c',
    ' ? exc_page_fault+0x70/0x170',
    'RIP: 0010:clear_user_rep_good+0xe/0x30',
    'Code: cc cc 48 c1 e1 03 83 e0 07',
    'RSP: 0018:ffffc90000613c28 EFLAGS: 00040206',
    'RAX: 0000000000000000 RBX: 0000000000002000 RCX: 0000000000000002',
    'R13: ffff88802dd04180 R14: 0000000000002000 R15: ffffc90000613cf8',
  ].map(message => ({ monotonic_ns: '1', level: 'warning' as const, message }))
  t.same(
    dump.filter(isTelling).map(({ message }) => message),
    [dump[0]?.message],
  )
})

t.test('a kernel that complains without end is cut short, its errors last', async t => {
  const warning = (index: number) => ({ monotonic_ns: '1', level: 'warning' as const, message: `warning ${index}` })
  const error = { monotonic_ns: '2', level: 'err' as const, message: 'Out of memory: Killed process 7 (node)' }
  const many = [...Array.from({ length: 80 }, (_, index) => warning(index)), error, warning(80)]
  const kept = shortened(many)
  t.equal(kept.length, 51)
  t.match(kept.slice(-2), [error, { message: '32 more messages' }])
  t.same(shortened([error]), [error])
  t.same(shortened([]), [])
})

/** A log as the kernel's: a read gives one record, or says that there is none just now. */
const makeLog = (folder: string) => {
  const path = join(folder, 'kmsg')
  execFileSync('mkfifo', [path])
  const log = new KernelLog(path)
  const fd = openSync(path, 'w')
  return { log, say: (record: string) => writeSync(fd, record), close: () => closeSync(fd) }
}

const nowUs = (): bigint => process.hrtime.bigint() / 1000n + 1000n

t.test('each poll tells what is new since the log was opened', async t => {
  const { log, say, close } = makeLog(t.testdir({}))
  t.same(log.poll(), [])
  say('3,1,5,-;long before')
  t.same(log.poll(), [])
  say(`3,2,${nowUs()},-;EXT4-fs error`)
  t.match(log.poll(), [{ level: 'err', message: 'EXT4-fs error' }])
  t.same(log.poll(), [])
  close()
  log.close()
})

t.test("this machine's own log can be asked, where it may be read", async t => {
  let log: KernelLog
  try {
    log = new KernelLog()
  } catch (error) {
    t.match((error as NodeJS.ErrnoException).code, /^(EPERM|EACCES|ENOENT)$/)
    return
  }
  t.ok(Array.isArray(log.poll()))
  t.same(log.poll(), [])
  log.close()
})
