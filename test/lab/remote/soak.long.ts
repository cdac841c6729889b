// nslab remote from its first connection to the fetched run folder, with real runs on a machine that is a folder here.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { imageFor } from '../../../src/vm/image/build.ts'
import { describeDigest } from '../../../src/vm/image/load.ts'
import type { ImageDescription } from '../../../src/vm/image/types.ts'
import { FarMachine } from '../../fixtures/far-machine.ts'
import type { NslabProcess } from '../../fixtures/nslab-process.ts'

const RING = ['far', 'ring', '--on', 'host', '--nodes', '3']
/** Long enough for something to happen meanwhile, also on a busy machine. */
const LONG = [...RING, '--duration', '15s']

const unitOf = (run: NslabProcess): string =>
  /^nslab: (nslab-ring-[0-9a-f]{8}) started on far$/m.exec(run.stderr)?.[1] ?? ''

t.setTimeout(1_500_000)

t.test('a run there: copied, started, shown, fetched, and its exit code', async t => {
  const machine = new FarMachine(t)
  const first = machine.remote(RING, join(t.testdir(), 'first'))
  const { code, stdout, stderr } = await first.ended
  t.equal(code, 0, stderr)
  t.match(stdout, /^\s*PASS /m)
  t.match(stderr, /^nslab: hold/m, 'what it said there')
  t.match(first.report(), { verdict: 'pass', metrics: { nodes_count: 3 } })
  t.match(stdout, first.folder, 'where the folder is here')
  t.notMatch(stdout, machine.folder)
  const second = machine.remote(RING, join(t.testdirName, 'second'))
  t.equal((await second.ended).code, 0)
  t.match(second.stderr, /started on far/, 'what was fetched is over: the same words are another run')
})

/** Gives the machine a guest image like no other that could be made or found there; returns its digest. */
async function carriedImage(machine: FarMachine): Promise<string> {
  machine.hasImages((await imageFor('controller', { onStep: () => {} })).folder)
  const file = join(machine.image, 'image.json')
  const { digest: _, ...description } = JSON.parse(readFileSync(file, 'utf8')) as ImageDescription
  const versions = { ...description.versions, note: 'carried' }
  const digest = describeDigest({ ...description, versions })
  writeFileSync(file, JSON.stringify({ ...description, versions, digest }))
  return digest
}

const IN_VM = ['far', 'ring', '--on', 'vm', '--accel', 'tcg', '--nodes', '3']

/** It passed in a VM of the image. */
function isOfImage(t: Test, folder: string, digest: string): void {
  const read = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), 'utf8'))
  t.match(read('report.json'), { verdict: 'pass', level: 'tcg' })
  t.match(read('environment.json'), { guests: { vm1: { image: digest } } })
}

t.test('the guest images that Nix has here go along, and the VMs there are made of them', async t => {
  const machine = new FarMachine(t)
  const digest = await carriedImage(machine)
  const run = machine.remote(IN_VM, join(t.testdir(), 'run'))
  const { code, stderr } = await run.ended
  t.equal(code, 0, stderr)
  isOfImage(t, run.folder, digest)
  t.notOk(existsSync(join(machine.image, 'snapshots')), 'what came from elsewhere is not written to')
})

t.test('a run a kernel there: the image of each goes along, and their folders and table come back', async t => {
  const machine = new FarMachine(t)
  const digest = await carriedImage(machine)
  const words = [...IN_VM, '--duration', '1s', '--kernel', 'lts,latest']
  const run = machine.remote(words, join(t.testdir(), 'run'))
  const { code, stdout, stderr } = await run.ended
  t.equal(code, 0, stderr)
  for (const kernel of ['lts', 'latest']) {
    isOfImage(t, join(run.folder, kernel), digest)
    t.match(stdout, new RegExp(`^${kernel} .* pass .* ${run.folder}/${kernel}$`, 'm'), 'where its folder is here')
  }
  t.notMatch(stdout, machine.folder)
})

t.test('a lost connection is made again, and nothing of the log is lost or doubled', async t => {
  const machine = new FarMachine(t)
  const run = machine.remote(LONG, join(t.testdir(), 'run'))
  await run.inPhase('hold')
  machine.set('drop')
  const { code, stderr } = await run.ended
  t.equal(code, 0, stderr)
  t.match(stderr, /the connection to far was lost, the soak goes on there/)
  t.equal(stderr.match(/^nslab: run folder .*\/run$/gm)?.length, 2, 'one there, one here')
  t.equal(machine.copies, 1)
})

t.test('Ctrl-C leaves it running and says how to come back; the same words attach to it', async t => {
  const machine = new FarMachine(t)
  const first = machine.remote(LONG, join(t.testdir(), 'run'))
  await first.inPhase('hold')
  first.kill('SIGINT')
  t.equal((await first.ended).code, 130)
  t.match(first.stderr, `nix run .#remote -- ${['far', 'ring'].join(' ')}`)
  t.match(first.stderr, unitOf(first))
  t.notOk(existsSync(first.folder))
  const second = machine.remote(LONG, first.folder)
  t.equal((await second.ended).code, 0)
  t.match(second.stderr, `${unitOf(first)} runs on far since`)
  t.equal(machine.copies, 1)
  t.match(second.report(), { verdict: 'pass' })
})

t.test('a connection that does not come back: exit 6, and the run is fetched once it does', async t => {
  const machine = new FarMachine(t)
  const first = machine.remote([...LONG, '--patience', '2s'], join(t.testdir(), 'run'))
  await first.inPhase('hold')
  machine.set('unreachable')
  machine.set('drop')
  t.equal((await first.ended).code, 6)
  t.match(first.stderr, /the connection was lost and did not come back/)
  t.match(first.stderr, /attaches to it/)
  machine.unset('unreachable')
  const second = machine.remote(LONG, first.folder)
  t.equal((await second.ended).code, 0, second.stderr)
  t.match(second.report(), { verdict: 'pass' })
})

t.test('a run that fails its gate there fails here, from a scenario that only lies here', async t => {
  const machine = new FarMachine(t)
  const scenario = join(t.testdir(), "jo's ring.toml")
  writeFileSync(
    scenario,
    [
      'name = "small"',
      'nodes = 3',
      '[hosts]',
      'on = "host"',
      '[[gate]]',
      'metric = "nodes_count"',
      'require = "== 4"',
    ].join('\n'),
  )
  const run = machine.remote(['far', scenario, '--set', 'run.hold=1s'], join(t.testdirName, 'run'))
  t.equal((await run.ended).code, 1, run.stderr)
  t.match(run.stdout, /^\s*FAIL /m)
  t.match(run.report(), { verdict: 'fail', scenario: 'small' })
})

t.test('what the run refuses there before it has a folder is said here', async t => {
  const machine = new FarMachine(t)
  machine.refuses()
  const run = machine.remote(RING, join(t.testdir(), 'run'))
  const { code, stderr } = await run.ended
  t.equal(code, 2)
  t.match(stderr, 'nslab: error: no such option')
  t.notOk(existsSync(run.folder))
})

t.test('--stop ends it in order, and it is judged', async t => {
  const machine = new FarMachine(t)
  const words = [...RING, '--duration', '1h']
  const first = machine.remote(words, join(t.testdir(), 'run'))
  await first.inPhase('hold')
  first.kill('SIGINT')
  await first.ended
  const second = machine.remote([...words, '--stop'], first.folder)
  t.equal((await second.ended).code, 130, second.stderr)
  t.match(second.report(), { exit_code: 130, metrics: { nodes_count: 3 } })
  const third = machine.remote([...words, '--stop'])
  t.equal((await third.ended).code, 2)
  t.match(third.stderr, /there is no soak nslab-ring-/)
})

t.test('a soak that vanished there is told, not taken for one that passed', async t => {
  const machine = new FarMachine(t)
  const run = machine.remote([...RING, '--duration', '1h'], join(t.testdir(), 'run'))
  await run.inPhase('hold')
  machine.kill(unitOf(run))
  t.equal((await run.ended).code, 6)
  t.match(run.stderr, /gone without an exit code/)
})
