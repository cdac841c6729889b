// Deterministic runs that take their time: an hour of idle time, a database, a busy machine.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Speed } from '../../src/lab/deterministic/record.ts'
import { judgeFolder } from '../../src/report/render.ts'
import { imageFor } from '../../src/vm/image/build.ts'
import type { ImageRole } from '../../src/vm/image/types.ts'
import { type Ended, NslabProcess } from '../fixtures/nslab-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'nslab-deterministic-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

/** One for all runs: what is compiled may be changed while this runs. */
const imageOf = async (role: ImageRole): Promise<string> =>
  join((await imageFor(role, { onStep: step => t.comment(step) })).folder, 'image.json')

async function passes(t: Test, name: string, image: string, ...args: string[]): Promise<Ended> {
  const ring = ['run', 'ring', '--nodes', '10', '--deterministic', '--image', image, '--out', join(folder, name)]
  const ended = await new NslabProcess([...ring, ...args]).ended
  if (!t.equal(ended.code, 0)) t.comment(ended.stdout + ended.stderr)
  return ended
}

const digestOf = ({ stdout }: Ended): string | undefined => /digest ([0-9a-f]{64})/.exec(stdout)?.[1]

t.test('an hour is judged in minutes at most, and looked at less often', async t => {
  await passes(t, 'hour', await imageOf('fleet'), '--duration', '1h')
  const { report, history } = judgeFolder(join(folder, 'hour'))
  t.equal(report.verdict, 'pass')
  const hold = report.phases.find(({ name }) => name === 'hold')
  t.ok(hold !== undefined && hold.duration_s >= 3600)
  t.match(report.notes.join('\n'), 'a sample every 15 s')
  t.ok(history.samples.length > 240 && history.samples.length < 300, `${history.samples.length} samples`)
  const speed = JSON.parse(readFileSync(join(folder, 'hour/speed.json'), 'utf8')) as Speed
  // 51 s were measured beside seven other busy programs.
  t.ok(speed.real_s < 600, `${speed.real_s} s`)
})

t.test('a run with a database of its own is the same each time, and its repetition says so', async t => {
  const first = await passes(t, 'database', await imageOf('controller'), '--set', 'controller.db.database=lab')
  const { history } = judgeFolder(join(folder, 'database'))
  t.match(
    history.events.find(({ kind }) => kind === 'database_ready'),
    { store: 'postgres', persisted: true },
  )
  const again = await new NslabProcess(['replay', join(folder, 'database'), '--out', join(folder, 'again')]).ended
  t.equal(again.code, 0, again.stderr)
  t.match(again.stdout, `EQUAL  all 15 files: digest ${digestOf(first)}`)
})

t.test('a busy machine changes nothing but the time it takes', async t => {
  const image = await imageOf('fleet')
  const quiet = await passes(t, 'quiet', image)
  const hogs: ChildProcess[] = []
  t.teardown(() => hogs.map(hog => hog.kill('SIGKILL')))
  // They end by themselves where this test is killed.
  const program = 'const end = Date.now() + 300_000; while (Date.now() < end);'
  for (const _ of cpus()) hogs.push(spawn(process.execPath, ['-e', program], { stdio: 'ignore' }))
  const busy = await passes(t, 'busy', image)
  t.equal(digestOf(busy), digestOf(quiet))
})
