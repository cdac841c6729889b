// nslab vms: the VMs of live runs, and those that runs have left.

import { basename } from 'node:path'
import type { Command } from 'commander'
import { askForVms, type RunVms, runsWithVms } from '../lab/visit/vms.ts'

export function addVmsCommand(program: Command): void {
  program
    .command('vms')
    .summary('the VMs of live runs, and those that runs have kept')
    .description('Lists the VMs that answer: of runs that go on, and of runs with --keep that are over.')
    .option('--run <run>', 'of this live run alone: the start of its id, its folder, or the name of that')
    .option('--json', 'as JSON')
    .action(async (options: { run?: string; json?: boolean }) => {
      const asked = await askForVms(runsWithVms(options.run))
      process.stdout.write(options.json ? `${JSON.stringify(asJson(asked), null, 2)}\n` : describe(asked))
      for (const { run, vms } of asked)
        if (vms === null) process.stderr.write(`nslab: VMs of ${run.folder} are being started or ended\n`)
    })
}

const asJson = (asked: readonly RunVms[]): object => ({
  schema: 'nslab.vms/1',
  vms: asked.flatMap(({ run: { run_id, folder, scenario }, vms }) =>
    (vms ?? []).map(vm => ({ run_id, folder, scenario, ...vm })),
  ),
})

const TITLES = ['VM', 'RUN', 'HOST', 'NODES', 'PID', 'MEMORY', 'STARTED', 'KERNEL', 'SINCE', 'STATE']

function describe(asked: readonly RunVms[]): string {
  const rows = asked.flatMap(({ run, vms }) =>
    (vms ?? []).map(vm => [
      vm.name,
      basename(run.folder),
      vm.host,
      vm.node_ids === null ? '-' : vm.node_ids.join('-'),
      String(vm.pid),
      `${vm.memory_mib} MiB`,
      `${vm.how} (${vm.accelerator})`,
      vm.kernel,
      vm.since.replace(/\.\d+Z$/, 'Z'),
      vm.kept ? 'kept' : 'running',
    ]),
  )
  if (rows.length === 0) return 'no VM is alive\n'
  const lines = [TITLES, ...rows]
  const widths = TITLES.map((_, at) => Math.max(...lines.map(line => (line[at] as string).length)))
  return lines
    .map(
      line =>
        `${line
          .map((word, at) => word.padEnd(widths[at] as number))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
