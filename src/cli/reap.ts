// nslab reap: restores what a crashed run left, and says what that was.

import type { Command } from 'commander'
import { type ReapResult, reap } from '../lab/state/reap.ts'

export function addReapCommand(program: Command): void {
  program
    .command('reap')
    .summary('restore what a crashed run left')
    .description(
      'Restores raised limits, ends processes and removes files of runs that were killed. Live runs are not touched.',
    )
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean }) => {
      const result = await reap()
      process.stdout.write(options.json ? `${JSON.stringify(result, null, 2)}\n` : describe(result))
    })
}

function describe(result: ReapResult): string {
  const lines = [
    ...result.runs.map(run => `run ${run.run_id.slice(0, 8)} of ${run.started_at} had ended (${run.folder})`),
    ...result.ended.map(({ pid, comm, gone }) => `process ${pid} (${comm}) ${gone ? 'ended' : 'does not end'}`),
    ...result.restored.map(({ name, from, to }) => `${name}: ${from} → ${to}`),
    ...result.changedByOthers.map(name => `${name} was changed by another program: left as it is`),
    ...result.removed.map(path => `removed ${path}`),
  ]
  if (lines.length === 0) lines.push('nothing to restore')
  const kept = result.live.filter(run => run.kept === true)
  for (const run of kept)
    lines.push(`run ${run.run_id.slice(0, 8)} has kept its VMs (${run.folder}): nslab stop ends them`)
  const goingOn = result.live.length - kept.length
  if (goingOn > 0) lines.push(`${goingOn} live run${goingOn === 1 ? '' : 's'} not touched`)
  return `${lines.join('\n')}\n`
}
