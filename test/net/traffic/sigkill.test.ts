// SIGKILL of what a run with traffic consists of, at seeded moments of hold and drain, and of the commands that are in
// the middle of something in it: what is killed leaves nothing, and what lives on goes on.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { Random } from '../../../src/base/random.ts'
import { nothingIsLeft } from '../../fixtures/nothing-left.ts'
import { NslabProcess } from '../../fixtures/nslab-process.ts'
import { needsTun } from '../../fixtures/tun.ts'

const seed = Number(process.env.NSLAB_TEST_SEED ?? 21)
const random = new Random(seed)
t.comment(`seed ${seed} (NSLAB_TEST_SEED)`)

interface Kind {
  readonly controller?: string
  readonly dataplane?: string
  readonly flow: string
  readonly hold?: string
  readonly skip?: string | false
}

/** What goes over one link is late, so that the drain waits for it. */
const scenarioOf = ({ controller = '', dataplane = '', flow, hold = '1500ms' }: Kind): string => `
name = "kill-test"
[controller]
topology = { type = "ring", ring_config = { n_nodes = 12 } }
routing = { protocol = "shortest_path" }
${controller}
[dataplane]
${dataplane}
[[link]]
between = [2, 3]
delay = "1500ms"
[[flow]]
from = "all"
to = "+2"
${flow}
[run]
hold = "${hold}"
[[gate]]
metric = "packets_unaccounted_count"
require = "== 0"`

const STREAM = 'rate = "500kbit"\nfor = "1s"'

const kinds: Readonly<Record<string, Kind>> = {
  'links over TCP': { flow: STREAM },
  'links over UDP': { controller: 'protocol = "udp"', dataplane: 'protocol = "udp"', flow: STREAM },
  'max mode': { dataplane: 'operating_mode = "max"', flow: STREAM },
  'TUN interfaces': { dataplane: 'enable_local_interface = true', flow: STREAM, skip: needsTun.skip },
  'lossless flows': { flow: 'transport = "lossless"\npayload = "100 kB"\nrate = "500kbit"' },
}

const TRIES_A_KILL = 3

/** How long after a phase was said the latest blow comes. Hold and drain last longer. */
const LATEST_MS = { hold: 900, drain: 700 } as const

const victims = ['run', 'controller', 'dataplane'] as const

function startRun(t: Test, kind: Kind): NslabProcess {
  const base = mkdtempSync(join(tmpdir(), 'nslab-kill-'))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const file = join(base, 'x.toml')
  writeFileSync(file, scenarioOf(kind))
  const folder = join(base, 'run')
  return new NslabProcess(['run', file, '--on', 'host', '--out', folder], { folder })
}

/** How long before a phase's end, by its run's clock, a blow may come that the run no longer feels in it. */
const SAID_LATE_MS = 250

/** When a phase of a run ended, in ms since 1970. */
function endOf(run: NslabProcess, phase: string): number {
  const { started_at } = JSON.parse(readFileSync(join(run.folder, 'environment.json'), 'utf8')) as {
    started_at: string
  }
  const { start_s = Number.NaN, duration_s = Number.NaN } = run.report().phases.find(({ name }) => name === phase) ?? {}
  return Date.parse(started_at) + (start_s + duration_s) * 1000
}

/** One run with one kill. Returns whether it hit the phase that it aimed at. */
async function killOnce(t: Test, kind: Kind, phase: keyof typeof LATEST_MS, afterMs: number): Promise<boolean> {
  const victim = victims[random.below(victims.length)] as (typeof victims)[number]
  const run = startRun(t, kind)
  await run.inPhase(phase)
  await pause(afterMs)
  const hits = run.phase === phase
  const killedMs = Date.now()
  if (victim === 'run') run.kill('SIGKILL')
  else {
    const pid = run.program(victim)?.pid
    if (pid === undefined) {
      await run.ended
      return false
    }
    process.kill(pid, 'SIGKILL')
  }
  const ended = await run.ended
  await nothingIsLeft(t, run, `${victim} in ${phase}`)
  if (victim === 'run') t.equal(ended.signal, 'SIGKILL')
  else if (phase === 'drain' && ended.code === 0) {
    // The run had gone on by then, and not yet said so.
    t.ok(
      killedMs > endOf(run, phase) - SAID_LATE_MS,
      `${victim} was killed ${killedMs - endOf(run, phase)} ms after it`,
    )
    return false
  } else if (hits) {
    t.equal(ended.code, 6, ended.stderr)
    t.match(run.report(), { verdict: 'error', error: { code: 'PROCESS_ENDED', phase }, metrics: { residue_count: 0 } })
    t.same(run.outcome().residue, [])
  }
  return hits
}

for (const [name, kind] of Object.entries(kinds))
  for (const phase of ['hold', 'drain'] as const)
    t.test(`SIGKILL in phase ${phase} of a run with ${name} leaves nothing`, { skip: kind.skip ?? false }, async t => {
      let hits = false
      // A machine that is busy elsewhere may be late with the blow: an earlier one then.
      for (let attempt = 0; attempt < TRIES_A_KILL && !hits; attempt++)
        hits = await killOnce(t, kind, phase, (random.float() * LATEST_MS[phase]) / 2 ** attempt)
      t.ok(hits, 'a kill hit the phase')
    })

/** Flows that last as long as the run does. */
const busy: Kind = { flow: 'rate = "100kbit"\nfor = "60s"', hold: '60s' }

/** Kills a command of nslab beside a run, `afterMs` after it said `says`, or after its start. */
async function killCommand(run: NslabProcess, args: readonly string[], afterMs: number, says?: RegExp): Promise<void> {
  const [command = '', ...rest] = args
  const client = new NslabProcess([command, '--run', run.folder, ...rest])
  if (says !== undefined) await client.says(says)
  await pause(afterMs)
  client.kill('SIGKILL')
  await client.ended
}

/** A command of nslab beside a run, to its end. */
const beside = (run: NslabProcess, command: string, ...args: string[]) =>
  new NslabProcess([command, '--run', run.folder, ...args]).ended

t.test('commands that are killed in the middle take nothing with them, and the next ones work', async t => {
  const run = startRun(t, busy)
  await run.inPhase('hold')
  const set = await beside(run, 'link', '2', '3', '--delay', 'none', '--rate', '2mbit')
  t.equal(set.code, 0, set.stderr)
  // They take longer at that rate than a probe may: wherever one is met, it is not through.
  for (let kill = 0; kill < 3; kill++)
    await killCommand(run, ['probe', '2', '3', '--both', '--bytes', '100MB'], 2000 * random.float())
  const captured = join(run.folder, '..', 'x.pcap')
  await killCommand(run, ['capture', '2', '3', '--out', captured], 1000 * random.float(), /capturing/)
  for (let kill = 0; kill < 3; kill++) await killCommand(run, ['link', '4', '5', '--loss', '50%'], 600 * random.float())
  const left = readdirSync(run.folder).filter(name => name.endsWith('-node-2-3.pcap'))
  t.equal(left.length, 1, 'its capture was handed to nobody, and stays where it is')
  const kept = join(run.folder, left[0] as string)
  const size = statSync(kept).size
  const measured = await beside(run, 'probe', '5', '6', '--bytes', '14kB')
  t.match(measured, { code: 0, stdout: /10 packets/ }, measured.stderr)
  const link = await beside(run, 'link', '4', '5', '--clear')
  t.equal(link.code, 0, link.stderr)
  const next = await beside(run, 'capture', '2', '3', '--out', captured, '--seconds', '1')
  t.equal(next.code, 0, next.stderr)
  t.ok(statSync(captured).size > 24)
  t.equal(statSync(kept).size, size, 'nobody writes the capture of the one that was killed')
  run.kill('SIGINT')
  const ended = await run.ended
  t.equal(ended.code, 130, ended.stderr)
  t.match(run.report().metrics, { residue_count: 0, lost_count: 0 })
  await nothingIsLeft(t, run, 'commands')
})

t.test('a run that is killed beside commands in the middle ends them', async t => {
  const run = startRun(t, busy)
  await run.inPhase('hold')
  const capture = new NslabProcess(['capture', '--run', run.folder, '2', '--out', join(run.folder, '..', 'x.pcap')])
  const probe = new NslabProcess(['probe', '--run', run.folder, '2', '3', '--bytes', '100MB'])
  await capture.says(/capturing/)
  await pause(1000 * random.float())
  run.kill('SIGKILL')
  t.equal((await run.ended).signal, 'SIGKILL')
  const [probed] = await Promise.all([probe.ended, capture.ended])
  t.ok((probed.code ?? 0) > 0, probed.stderr)
  await nothingIsLeft(t, run, 'run')
})
