// Work of a command that an interrupt ends in order: what it has half made is taken away first.

import { NslabError } from '../base/errors.ts'
import { ExitCode } from '../base/exit-codes.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The first interrupt is `signal`'s reason, INTERRUPTED; the second ends this process at once. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupt = new AbortController()
  const onSignal = (signal: NodeJS.Signals): void => {
    if (interrupt.signal.aborted) process.exit(ExitCode.interrupted)
    interrupt.abort(new NslabError('INTERRUPTED', { signal }))
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  try {
    return await work(interrupt.signal)
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal)
  }
}
