// Runs that begin at the same moment: each sees what the others are about to take.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run } from '../../../src/base/exec.ts'
import type { Report } from '../../../src/judge/types.ts'
import { listRuns } from '../../../src/lab/state/live-runs.ts'
import { isMachineRoot } from '../../../src/lab/state/state-folder.ts'
import { NslabProcess } from '../../fixtures/nslab-process.ts'

/** A run folder alone is given 64 MiB: one has room, and two have not. */
const DISK_MIB = 70
const RING = ['run', 'ring', '--nodes', '3', '--on', 'host', '--set', 'run.hold=2s']

const needsRoot = { skip: !isMachineRoot() && 'only root mounts a disk of its own' }

async function smallDisk(t: Test): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-together-'))
  t.equal((await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'nslab', folder])).code, 0)
  t.teardown(async () => {
    await run('umount', [folder])
    rmSync(folder, { recursive: true })
  })
  return folder
}

t.test('of two runs that begin together, the disk is promised to one', needsRoot, async t => {
  const disk = await smallDisk(t)
  const env = { NSLAB_STATE_DIR: join(disk, 'state') }
  const runs = ['one', 'other'].map(name => new NslabProcess([...RING, '--out', join(disk, name)], { env }))
  const ends = await Promise.all(runs.map(each => each.ended))
  t.same(ends.map(({ code }) => code).sort(), [0, 3], ends.map(({ stderr }) => stderr).join('\n'))
  const refused = ends.find(({ code }) => code === 3)
  t.match(refused?.stderr, /disk: \d+ MiB of \d+ MiB: other live runs may take \d+ MiB, needed \d+ MiB/)
  t.match(refused?.stderr, /Remedy: wait for the other runs, or free some space under/)
  t.same(listRuns(env.NSLAB_STATE_DIR), { live: [], dead: [] })
})

t.test('a run that is killed has no claim any more', needsRoot, async t => {
  const disk = await smallDisk(t)
  const env = { NSLAB_STATE_DIR: join(disk, 'state') }
  const killed = new NslabProcess([...RING, '--set', 'run.hold=60s', '--out', join(disk, 'one')], {
    folder: join(disk, 'one'),
    env,
  })
  await killed.inPhase('hold')
  killed.kill('SIGKILL')
  await killed.ended
  t.equal(listRuns(env.NSLAB_STATE_DIR).dead.length, 1, 'its entry is there until somebody reaps it')
  rmSync(join(disk, 'one'), { recursive: true })
  const { code, stderr } = await new NslabProcess([...RING, '--out', join(disk, 'other')], { env }).ended
  t.equal(code, 0, stderr)
})

t.test('two of the same scenario and seed have a folder each', async t => {
  const base = t.testdir()
  const env = { NSLAB_STATE_DIR: join(base, 'state') }
  const runs = [0, 1].map(() => new NslabProcess(RING, { env, cwd: base }))
  const ends = await Promise.all(runs.map(each => each.ended))
  const folders = ends.map(({ stderr }) => /run folder (.*)/.exec(stderr)?.[1] ?? '')
  t.not(folders[0], folders[1])
  for (const folder of folders) {
    const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as Report
    t.match(report, { verdict: 'pass', metrics: { residue_count: 0 } })
  }
})
