// nslab soak: what `nslab run` starts on the site of a soak, and nobody else. Not in the help.

import type { Command } from 'commander'
import { systemClock } from '../../base/clock.ts'
import { NslabError } from '../../base/errors.ts'
import { addSteeredFlags, hookSignals, inherit, readPlan, type SteeredFlags, timeScaleOf } from '../steered-flags.ts'

export function addSoakCommand(program: Command): void {
  const command = program.command('soak', { hidden: true }).description('the program of a soak; nslab run starts it')
  addSteeredFlags(command)
  command.action(async (flags: SteeredFlags) => {
    const { plan, runFolder, runId, originNs } = flags
    if (plan === undefined || runFolder === undefined || runId === undefined || originNs === undefined)
      throw new NslabError('USAGE', { problem: 'nslab soak is started by nslab run', hint: 'See nslab run --help.' })
    const stop = new AbortController()
    const unhook = hookSignals(stop)
    try {
      const [{ runSoak }, { steering }] = await Promise.all([import('../../lab/soak/program.ts'), inherit(flags)])
      if (steering === undefined) throw new NslabError('USAGE', { problem: 'nslab soak needs its channel' })
      await runSoak({
        plan: readPlan(plan),
        runId,
        clock: systemClock,
        originNs: BigInt(originNs),
        folder: runFolder,
        timeScale: timeScaleOf(flags),
        steering,
        signal: stop.signal,
      })
    } finally {
      unhook()
    }
  })
}
