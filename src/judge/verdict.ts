// From gates and the run's own end to one verdict and one exit code.

import { NslabError } from '../base/errors.ts'
import { ExitCode } from '../base/exit-codes.ts'
import type { GateVerdict, History, Report } from './types.ts'

type RunError = NonNullable<Report['error']>

export interface Verdict {
  readonly verdict: Report['verdict']
  readonly exit_code: number
}

/**
 * An error outweighs every gate, a failed gate outweighs unknown ones, and nothing proven is unknown. `doubt`: why gates
 * that all pass prove nothing.
 */
export function verdictOf(gates: readonly GateVerdict[], error: RunError | null, doubt: string | null = null): Verdict {
  if (error) return { verdict: 'error', exit_code: error.exit_code }
  if (gates.some(gate => gate.verdict === 'fail')) return { verdict: 'fail', exit_code: ExitCode.gateFailed }
  const applicable = gates.filter(gate => gate.verdict !== 'not_applicable')
  const proven = doubt === null && applicable.length > 0 && applicable.every(gate => gate.verdict === 'pass')
  return proven ? { verdict: 'pass', exit_code: ExitCode.pass } : { verdict: 'unknown', exit_code: ExitCode.unknown }
}

/**
 * The error that ended the run, or null. A history without an outcome is a run that was killed: RUN_UNFINISHED, exit 5.
 * An error whose exit code would read as a verdict of gates (0, 1) or is none at all is a bug: exit 70.
 */
export function errorOf(history: History, openPhase: string | undefined): RunError | null {
  const { outcome } = history
  if (outcome === null) {
    const damaged = history.damage?.some(damage => damage.file === 'outcome.json') ?? false
    const error = new NslabError('RUN_UNFINISHED', { damaged })
    return {
      code: error.code,
      message: error.message,
      hint: error.hint as string,
      ...(openPhase === undefined ? {} : { phase: openPhase }),
      exit_code: error.exitCode,
    }
  }
  const { error } = outcome
  if (!error) return null
  const valid = Number.isInteger(error.exit_code) && error.exit_code >= 2 && error.exit_code <= 255
  return valid ? error : { ...error, exit_code: ExitCode.bug }
}
