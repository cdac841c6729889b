// What goes wrong with VMs during a run: told with the VM, its last words and what to do, judged again from the folder,
// and nothing left.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run as runTool } from '../../src/base/exec.ts'
import { readProcesses } from '../../src/lab/proc/process-table.ts'
import { imageFor } from '../../src/vm/image/build.ts'
import { describeDigest } from '../../src/vm/image/load.ts'
import type { ImageDescription } from '../../src/vm/image/types.ts'
import { ended } from '../fixtures/launch.ts'
import { cliPath, commandLine, type NslabProcess, processesOf, untilEmpty } from '../fixtures/nslab-process.ts'
import { linesOf, startVmRun, vmsLeft } from '../fixtures/vm-run.ts'

const image = await imageFor('controller', { onStep: () => {} })

const SMALL = ['--nodes', '3', '--set', 'run.hold=60s'] as const

/** The pid of a VM's QEMU, as the ledger has it. */
function pidOf(run: NslabProcess, vm: string): number {
  const started = linesOf(run, 'ledger.ndjson').filter(line => line.op === 'vm_start' && line.state === 'done')
  return Number(started.findLast(line => line.vm === vm)?.pid)
}

/** Its report says how the VM ended; judged again it says the same; and nothing of the run is left. */
async function fails(t: Test, run: NslabProcess, exitCode: number, words: RegExp): Promise<void> {
  const ended = await run.ended
  t.equal(ended.code, exitCode, ended.stderr + ended.stdout)
  t.match(ended.stdout, words)
  t.match(run.report(), { verdict: 'error', exit_code: exitCode, error: { message: words } })
  const again = await runTool(process.execPath, [cliPath, 'report', run.folder], { timeoutMs: 60_000 })
  t.equal(again.code, exitCode)
  t.same(vmsLeft(run), [])
  t.same(await untilEmpty(() => processesOf(run), 20_000), [])
}

/** The image in a folder that a test may change. */
function copyOfImage(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-image-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(image.folder, folder, { recursive: true, filter: path => !path.includes('snapshots') })
  return folder
}

t.test('a QEMU that is killed ends the run, which says whose it was', async t => {
  const run = startVmRun(t, 'ring', SMALL)
  await run.inPhase('hold')
  process.kill(pidOf(run, 'vm1'), 'SIGKILL')
  await fails(t, run, 6, /vm1 lost its QEMU/)
  t.match(linesOf(run, 'events.ndjson').at(-1), { kind: 'phase_ended', phase: 'verify' })
  t.match(readFileSync(join(run.folder, 'console/vm1.log'), 'utf8'), /Linux version|nslab-init/)
})

t.test('an interrupt while VMs boot ends them in order, with a report', async t => {
  const run = startVmRun(t, 'multihost', ['--cold'])
  await run.inPhase('boot')
  run.kill('SIGINT')
  const ended = await run.ended
  t.equal(ended.code, 130, ended.stderr + ended.stdout)
  t.match(run.report(), { exit_code: 130 })
  t.same(vmsLeft(run), [])
})

/** QEMUs of a run: they carry its id. */
function qemusOf(run: NslabProcess): number[] {
  const pids = processesOf(run).map(({ pid }) => pid)
  return pids.filter(pid => commandLine(pid)[0]?.includes('qemu') === true)
}

for (const phase of ['boot', 'wire', 'hold']) {
  t.test(`a runner that is killed in phase ${phase} takes its VMs with it`, async t => {
    const run = startVmRun(t, 'ring', SMALL)
    await run.inPhase(phase)
    let isOver = false
    const over = run.ended.then(() => {
      isOver = true
    })
    while (!isOver && qemusOf(run).length === 0) await new Promise(resolve => setTimeout(resolve, 20))
    t.notOk(isOver, run.stderr)
    const qemus = qemusOf(run)
    t.not(qemus.length, 0)
    run.kill('SIGKILL')
    await over
    t.same(await untilEmpty(() => qemus.filter(pid => readProcesses().has(pid)), 20_000), [])
    t.same(await untilEmpty(() => processesOf(run), 20_000), [])
    const reap = await runTool(process.execPath, [cliPath, 'reap'], { timeoutMs: 60_000 })
    t.equal(reap.code, 0, reap.stderr)
    t.notOk(readdirSync(run.folder).some(name => name.endsWith('.sock') || name === 'live.json'))
  })
}

t.test('too little memory is refused before anything boots, with what is needed', async t => {
  const run = startVmRun(t, 'ring', [...SMALL, '--set', 'hosts.memory_mib=128'])
  const ended = await run.ended
  t.equal(ended.code, 2, ended.stderr + ended.stdout)
  t.match(ended.stdout, /vm1 of 128 MiB is too small: it needs [0-9]+ MiB \(.* for the guest itself, .*3 nodes\)/)
  t.match(ended.stdout, /--set hosts\.memory_mib=[0-9]+/)
  t.notOk(linesOf(run, 'ledger.ndjson').some(line => line.op === 'vm_start'))
})

t.test('an image that is not what it says is refused, naming the file', async t => {
  const folder = copyOfImage(t)
  const fd = openSync(join(folder, 'root.cpio'), 'r+')
  writeSync(fd, 'X', 1_000_000)
  const run = startVmRun(t, 'ring', [...SMALL, '--image', join(folder, 'image.json')])
  const ended = await run.ended
  t.equal(ended.code, 6, ended.stderr + ended.stdout)
  t.match(ended.stdout, /root\.cpio/)
  t.notOk(linesOf(run, 'ledger.ndjson').some(line => line.op === 'vm_start'))
})

t.test('a guest that lacks a module it needs does not answer, and its console says which', async t => {
  const folder = copyOfImage(t)
  const initrd = join(folder, 'initrd.cpio')
  const bytes = readFileSync(initrd)
  // The name of the file itself, which ends with a zero: what is to be loaded at boot still says it.
  const at = bytes.indexOf('virtio_console.ko\0')
  t.ok(at > 0)
  bytes.write('virtio_renamed', at)
  writeFileSync(initrd, bytes)
  const description = JSON.parse(readFileSync(join(folder, 'image.json'), 'utf8')) as ImageDescription
  const digests = { ...description.digests, 'initrd.cpio': createHash('sha256').update(bytes).digest('hex') }
  const changed = { ...description, digests }
  writeFileSync(join(folder, 'image.json'), JSON.stringify({ ...changed, digest: describeDigest(changed) }))
  const run = startVmRun(t, 'ring', [...SMALL, '--cold', '--image', join(folder, 'image.json')])
  await fails(t, run, 6, /vm1 .*loading \S+\/virtio_console\.ko: ENOENT.*no virtio-serial port nslab\.ctl/s)
})

t.test(
  'a run folder on a disk that fills up: the run ends in order, its VM with it, and its report is written',
  {
    skip: process.getuid?.() === 0 ? false : 'needs root to mount a small disk',
  },
  async t => {
    const base = mkdtempSync(join(tmpdir(), 'nslab-disk-'))
    t.teardown(() => rmSync(base, { recursive: true, force: true }))
    const fill = `
    mount -t tmpfs -o size=96m tmpfs "$0" && cd "$0" || exit 1
    "$@" >&2 </dev/null & run=$!
    read -r line
    cat /dev/zero > ballast 2>/dev/null
    wait $run; code=$?
    cat run/report.json run/ledger.ndjson; exit $code`
    const run = ['run', 'ring', '--on', 'vm', '--accel', 'tcg', ...SMALL, '--out', 'run']
    const child = spawn('unshare', ['--mount', 'sh', '-c', fill, base, process.execPath, cliPath, ...run])
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
      // Also where it ends before it holds: the shell would wait for ever.
      if (/^nslab: (hold$|error)/m.test(said) && child.stdin.writable) child.stdin.end('fill\n')
    })
    const { code, out } = await ended(child)
    t.equal(code, 6, said)
    t.match(said, /No space left|ENOSPC/)
    const endOfReport = out.indexOf('\n}\n') + 2
    t.match(JSON.parse(out.slice(0, endOfReport)), { exit_code: 6, error: { code: 'DISK_REFUSED' }, level: 'tcg' })
    const ledger = out.slice(endOfReport).trim().split('\n')
    const pids = ledger.map(line => JSON.parse(line)).flatMap(({ op, pid }) => (op === 'vm_start' && pid ? [pid] : []))
    t.equal(pids.length, 1)
    t.same(await untilEmpty(() => pids.filter(pid => readProcesses().has(pid)), 20_000), [])
  },
)

t.test('an image that is not there is refused as a file', async t => {
  const run = startVmRun(t, 'ring', [...SMALL, '--image', '/nonexistent/image.json'])
  const ended = await run.ended
  t.equal(ended.code, 2, ended.stderr + ended.stdout)
  t.match(ended.stderr + ended.stdout, /cannot read \/nonexistent\/image\.json/)
})
