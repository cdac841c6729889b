// nslab doctor: is this machine fit, for how many nodes, and what to do about it. Exit 0 fit, 3 not.

import { type Command, InvalidArgumentError } from 'commander'
import { ExitCode } from '../base/exit-codes.ts'
import { type Diagnosis, diagnose } from '../lab/fitness/doctor.ts'
import { gateProblems, readNixFacts } from '../lab/fitness/gate-fitness.ts'
import { describeProblem } from '../lab/fitness/limits.ts'
import { readMachine } from '../lab/fitness/machine.ts'
import { type LiveRun, listRuns } from '../lab/state/live-runs.ts'
import { readVmFacts, type VmFacts } from '../lab/vm/facts.ts'

const NODES_DEFAULT = 100

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .summary('is this machine fit, for how many nodes, and what to do about it')
    .description('Reads every limit that a run meets, and tries the kernel in a scratch namespace. Nothing is changed.')
    .option('--nodes <n>', 'fit for this many nodes?', parseCount, NODES_DEFAULT)
    .option('--gate', 'fit for the checks of the flake, too: KVM that works, and Nix that builds with it?')
    .option('--json', 'as JSON')
    .action(async (options: { nodes: number; gate?: boolean; json?: boolean }) => {
      const found = diagnose(options.nodes, await readMachine({ folder: 'runs' }))
      const diagnosis = { ...found, notes: [...found.notes, ...keptNotes(listRuns().live)] }
      const vms = await readVmFacts()
      const gate = options.gate ? gateProblems(await readNixFacts(), vms) : []
      process.stdout.write(
        options.json
          ? `${JSON.stringify({ ...diagnosis, vms, ...(options.gate ? { gate_problems: gate } : {}) }, null, 2)}\n`
          : describe(diagnosis) +
              describeVms(vms) +
              gate.map(problem => `\nnot fit for the gate: ${problem}\n`).join(''),
      )
      process.exitCode = diagnosis.fit && gate.length === 0 ? ExitCode.pass : ExitCode.notFit
    })
}

function describeVms({ qemu, words }: VmFacts): string {
  const title = qemu === null ? 'microVMs: no QEMU' : `microVMs: QEMU ${qemu}`
  return `\n${title}\n${words.map(line => `  ${line}\n`).join('')}`
}

/** VMs that nobody may remember, and that hold memory. */
function keptNotes(live: readonly LiveRun[]): string[] {
  const kept = live.filter(run => run.kept === true).map(run => run.folder)
  return kept.length === 0 ? [] : [`VMs were kept by ${kept.join(', ')}: nslab vms lists them, nslab stop ends them`]
}

function parseCount(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('must be a whole number from 1.')
  return value
}

function formatAvailable(limit: string, available: number | null): string {
  if (available === null) return 'not limited'
  return limit === 'memory' || limit === 'disk' ? `${Math.round(available / 2 ** 20)} MiB` : String(available)
}

function describe(diagnosis: Diagnosis): string {
  const most =
    diagnosis.nodes_max === null
      ? 'no limit found'
      : `at most ${diagnosis.nodes_max} nodes (${diagnosis.smallest_limit?.replaceAll('_', ' ')})`
  const lines = [`${diagnosis.fit ? 'fit' : 'not fit'} for ${diagnosis.nodes_count} nodes; ${most}`, '']
  const rows = diagnosis.limits.map(({ limit, available, nodes_max }) => [
    limit.replaceAll('_', ' '),
    formatAvailable(limit, available),
    nodes_max === null ? '' : `${nodes_max} nodes`,
  ])
  for (const [limit, available, nodes] of rows as [string, string, string][]) {
    lines.push(`  ${limit.padEnd(16)}${available.padStart(14)}  ${nodes.padStart(14)}`.trimEnd())
  }
  if (diagnosis.problems.length > 0) lines.push('', ...diagnosis.problems.map(problem => describeProblem(problem)))
  if (diagnosis.notes.length > 0) lines.push('', ...diagnosis.notes.map(note => `note: ${note}`))
  return `${lines.join('\n')}\n`
}
