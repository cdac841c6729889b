// SIGKILL of everything that a run consists of, at seeded moments of every phase: the kernel and the others clean up.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Random } from '../../../src/base/random.ts'
import { nothingIsLeft } from '../../fixtures/nothing-left.ts'
import { NslabProcess, type phases } from '../../fixtures/nslab-process.ts'

const NODES = 12
const KILLS_A_PHASE = 3
const TRIES_A_KILL = 5

type Victim = 'run' | 'controller' | 'dataplane' | 'exec'

/** Who lives in a phase, and for about how many milliseconds it lasts here. Without traffic nothing drains. */
const moments: Readonly<
  Record<Exclude<(typeof phases)[number], 'drain'>, { readonly victims: readonly Victim[]; readonly lastsMs: number }>
> = {
  preflight: { victims: ['run'], lastsMs: 2 },
  census: { victims: ['run'], lastsMs: 60 },
  prepare: { victims: ['run', 'controller', 'dataplane'], lastsMs: 400 },
  wire: { victims: ['run', 'controller', 'dataplane'], lastsMs: 60 },
  measure: { victims: ['run', 'controller', 'dataplane'], lastsMs: 60 },
  prove: { victims: ['run', 'controller', 'dataplane'], lastsMs: 20 },
  hold: { victims: ['run', 'controller', 'dataplane', 'exec'], lastsMs: 300 },
  teardown: { victims: ['run', 'controller', 'dataplane'], lastsMs: 30 },
  verify: { victims: ['run'], lastsMs: 20 },
}

const seed = Number(process.env.NSLAB_TEST_SEED ?? 20)
const random = new Random(seed)
t.comment(`seed ${seed} (NSLAB_TEST_SEED)`)

/** One run with one kill. Returns whether it hit the phase it aimed at. */
async function killOnce(t: Test, phase: keyof typeof moments, victim: Victim, delayMs: number): Promise<boolean> {
  const base = mkdtempSync(join(tmpdir(), 'nslab-kill-'))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const run = new NslabProcess(
    ['run', 'ring', '--nodes', String(NODES), '--out', join(base, 'run'), '--set', 'run.hold=1s'],
    { folder: join(base, 'run') },
  )
  await run.inPhase(phase)
  const exec = victim === 'exec' ? new NslabProcess(['exec', '1', '--run', run.folder, '--', 'sleep', '60']) : null
  if (delayMs >= 1) await new Promise(resolve => setTimeout(resolve, delayMs))
  const hitPhase = run.phase
  const pid = victimPid(run, exec, victim)
  if (pid === undefined) {
    exec?.kill('SIGKILL')
    await run.ended
    return false
  }
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself meanwhile: the blow came too late for its phase.
    await run.ended
    return false
  }
  const ended = await run.ended
  await exec?.ended
  await nothingIsLeft(t, run, `${victim} in ${hitPhase}`)
  if (victim === 'run') t.equal(ended.signal, 'SIGKILL')
  else judgeSurvivor(t, run, victim, ended.code)
  return hitPhase === phase
}

function victimPid(run: NslabProcess, exec: NslabProcess | null, victim: Victim): number | undefined {
  if (victim === 'run') return run.pid
  if (victim === 'exec') return exec?.pid
  return run.program(victim)?.pid
}

/** The run outlived the kill: its report must say what happened, and that nothing is left. */
function judgeSurvivor(t: Test, run: NslabProcess, victim: Victim, code: number | null): void {
  const report = run.report()
  t.same(run.outcome().residue, [], 'residue')
  t.equal(report.metrics.residue_count, 0, 'residue_count')
  t.equal(code, report.exit_code)
  if (victim === 'exec') t.equal(code, 0)
  else t.ok(code === 6 || report.phases.some(phase => phase.name === 'teardown'), `exit ${code}`)
}

for (const [phase, { victims, lastsMs }] of Object.entries(moments) as [
  keyof typeof moments,
  (typeof moments)['wire'],
][]) {
  t.test(`SIGKILL in phase ${phase} leaves nothing`, async t => {
    let hits = 0
    for (let kill = 0; kill < KILLS_A_PHASE; kill++) {
      const victim = victims[(kill + random.below(victims.length)) % victims.length] as Victim
      for (let attempt = 0; attempt < TRIES_A_KILL && hits <= kill; attempt++) {
        // A machine that is faster today than `lastsMs` says is met with an earlier blow.
        const delayMs = (random.float() * lastsMs) / 2 ** attempt
        if (await killOnce(t, phase, victim, delayMs)) hits += 1
      }
    }
    t.ok(hits >= KILLS_A_PHASE, `${hits} kills hit the phase`)
  })
}
