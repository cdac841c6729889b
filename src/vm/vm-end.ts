// How a VM ended, from what was seen: pure. QEMU's exit status alone does not tell a panic from a reboot.

import { NslabError } from '../base/errors.ts'
import { consoleLines, memoryShortage, panicReason, tellingLines } from './console-text.ts'
import { errorsOf } from './qemu-program.ts'
import type { Diagnosis, VmEnd, VmEndKind } from './spec.ts'

/** Console lines that an end keeps: a panic with its stack has some 40. */
const LINES_KEPT = 60
/** Console lines that a message shows. */
const LINES_SHOWN = 12

export interface EndFacts {
  /** Why we ended it ourselves; null where we did not. */
  readonly verdict: { readonly kind: VmEndKind; readonly words: string } | null
  readonly code: number | null
  readonly signal: string | null
  /** Reason of QMP's last SHUTDOWN event: guest-shutdown, guest-reset, guest-panic, host-signal, … */
  readonly shutdownReason: string | null
  /** QMP told GUEST_PANICKED. */
  readonly panicked: boolean
  /** Whether the guest had been asked to switch itself off. */
  readonly askedDown: boolean
  /** The console's text of the last boot. */
  readonly console: string
  readonly qemuWords: string
  readonly diagnosis: Diagnosis | null
  readonly atNs: bigint
}

export function describeEnd(facts: EndFacts): VmEnd {
  const { code, signal, console, qemuWords, diagnosis, atNs } = facts
  const status = signal === null ? `exit ${code}` : `killed by ${signal}`
  const { kind, words } = facts.verdict ?? seen(facts, status)
  const consoleLast = consoleLines(console).slice(-LINES_KEPT)
  return { kind, words, status, atNs, consoleLines: consoleLast, qemuWords: qemuWords.trim(), diagnosis }
}

/** What happened where we did nothing. */
function seen(facts: EndFacts, status: string): { kind: VmEndKind; words: string } {
  const { shutdownReason: reason, console } = facts
  const panic = panicReason(console)
  const shortage = memoryShortage(console)
  // Before the pvpanic driver is there, a panic looks like a reset.
  if (facts.panicked || (reason === 'guest-reset' && panic !== null)) {
    if (shortage !== null) return { kind: 'out_of_memory', words: `ran out of memory: ${shortage}` }
    return { kind: 'guest_panic', words: `panicked: ${panic ?? 'its console does not say why'}` }
  }
  if (reason === 'guest-shutdown') {
    if (facts.askedDown || shortage === null) return { kind: 'guest_shutdown', words: 'switched itself off' }
    return { kind: 'out_of_memory', words: `ran out of memory (${shortage}) and switched itself off` }
  }
  if (reason === 'guest-reset') return { kind: 'guest_reset', words: 'reset itself' }
  // What is wrong comes first, then its consequences.
  const said = [status, ...errorsOf(facts.qemuWords).slice(0, 2)].join(': ')
  return { kind: 'qemu_died', words: `lost its QEMU (${said})` }
}

/** The end of a VM that should have lived, as VM_FAILED. */
export function endError(vm: string, end: VmEnd): NslabError {
  const { kind, words, status, diagnosis, qemuWords } = end
  return new NslabError('VM_FAILED', {
    vm,
    kind,
    words: diagnosis === null ? words : `${words}; ${diagnosis.words}`,
    status,
    qemuWords,
    consoleLines: tellingLines(end.consoleLines, LINES_SHOWN),
  })
}
