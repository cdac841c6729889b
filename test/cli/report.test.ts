import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { interruptedRun, type RunData, ringRun, writeRunFolder } from '../fixtures/run-folder.ts'

const program = resolve(import.meta.dirname ?? 'test/cli', '../fixtures/report-cli.ts')
const tsx = import.meta.resolve('tsx')
const node = [process.execPath, '--import', tsx, program]
const reports = ['report.html', 'report.json', 'report.junit.xml', 'report.tap']

interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function call(command: readonly string[], cwd?: string): Ended {
  const [file = '', ...args] = command
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', ...(cwd ? { cwd } : {}) })
  return { status, stdout, stderr }
}

const nslab = (args: readonly string[], cwd?: string): Ended => call([...node, ...args], cwd)

function folderOf(test: Test, data: RunData = ringRun()): string {
  const folder = writeRunFolder(data)
  test.teardown(folder.remove)
  return folder.path
}

/** Runs a shell script in a mount namespace of its own; `$1` is the folder, "$@" from `$2` the program. */
function mounted(script: string, folder: string): Ended {
  const unshare =
    process.getuid?.() === 0 ? ['unshare', '--mount'] : ['unshare', '--user', '--map-root-user', '--mount']
  return call([...unshare, 'sh', '-ec', script, 'sh', folder, ...node])
}

t.test('report writes all its files, prints the table and exits with the run’s own code', async t => {
  const good = folderOf(t)
  const ended = nslab(['report', good])
  t.match(ended, { status: 0, stdout: /Topology +Nodes/, stderr: '' })
  t.same(
    readdirSync(good).filter(name => name.startsWith('report')),
    reports,
  )
  t.notMatch(ended.stdout, '\u001b', 'a pipe gets no colours')
  t.equal(nslab(['report', folderOf(t, interruptedRun())]).status, 130)
})

t.test('report prints the format asked for, which is the file’s', async t => {
  const folder = folderOf(t)
  for (const [format, name] of [
    ['json', 'report.json'],
    ['tap', 'report.tap'],
    ['junit', 'report.junit.xml'],
    ['html', 'report.html'],
  ] as const) {
    t.equal(nslab(['report', folder, '--format', format]).stdout, readFileSync(join(folder, name), 'utf8'), format)
  }
})

t.test('without a folder the latest run is judged', async t => {
  const cwd = mkdtempSync(join(tmpdir(), 'nslab-cwd-'))
  t.teardown(() => rmSync(cwd, { recursive: true }))
  mkdirSync(join(cwd, 'runs'))
  symlinkSync(folderOf(t), join(cwd, 'runs', 'latest'))
  t.match(nslab(['report'], cwd), { status: 0, stdout: /\n {2}runs\/latest\n$/ })
})

t.test('a folder that is no run is a usage error', async t => {
  const { status, stderr } = nslab(['report', '/nonexistent/run'])
  t.equal(status, 2)
  t.match(JSON.parse(stderr), { code: 'FILE_UNREADABLE', facts: { path: '/nonexistent/run' } })
})

t.test('a disk that is full is refused, the old report stays and nothing is left half written', async t => {
  const folder = folderOf(t, ringRun({ nodes: 200 }))
  const script = `
    mount -t tmpfs -o size=4m none /mnt
    cp -r "$1"/. /mnt; shift
    "$@" report /mnt >/dev/null
    sha256sum /mnt/report.html
    echo '{"t_s":9,"from":"run","kind":"warning","message":"changed"}' >> /mnt/events.ndjson
    dd if=/dev/zero of=/mnt/fill bs=4k 2>/dev/null || true
    status=0; "$@" report /mnt >/dev/null || status=$?
    echo $status; sha256sum /mnt/report.html; ls -A /mnt`
  const { stdout, stderr } = mounted(script, folder)
  const [before, status, after, ...names] = stdout.trim().split('\n')
  t.match(JSON.parse(stderr), { code: 'DISK_REFUSED', facts: { errno: 'ENOSPC', path: '/mnt/report.json' } })
  t.equal(status, '6')
  t.equal(after, before)
  t.same(
    names.filter(name => name.startsWith('report') || name.startsWith('.')),
    reports,
  )
})

t.test('a folder that can only be read is still judged and printed', async t => {
  const script = 'mount --bind "$1" /mnt; mount -o remount,bind,ro /mnt; shift; exec "$@" report /mnt'
  const folder = folderOf(t)
  const ended = mounted(script, folder)
  t.match(ended, { status: 0, stdout: /PASS/, stderr: /EROFS/ })
  t.same(
    readdirSync(folder).filter(name => name.startsWith('report')),
    [],
  )
})
