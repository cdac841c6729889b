// Signals of commands that run something: to end it in order, or at once.

/** The first signal ends the run in order, the second at once. */
export function hookSignals(onFirst: (signal: string) => void): {
  readonly interrupted: AbortSignal
  readonly hurried: AbortSignal
  readonly unhook: () => void
} {
  const interrupt = new AbortController()
  const hurry = new AbortController()
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const onSignal = (signal: NodeJS.Signals): void => {
    if (interrupt.signal.aborted) hurry.abort(signal)
    else {
      onFirst(signal)
      interrupt.abort(signal)
    }
  }
  for (const signal of signals) process.on(signal, onSignal)
  const unhook = (): void => {
    for (const signal of signals) process.off(signal, onSignal)
  }
  return { interrupted: interrupt.signal, hurried: hurry.signal, unhook }
}
