// A command in a guest as if it ran here: our streams, our signals, its exit code.

import type { CommandPlace, LabClient, RemoteCommand } from '../lab/visit/client.ts'

/** A user who asks so often wants out, also where the guest does not answer. */
const PATIENCE = 3

/** Runs it to its end. Throws where it can't be started, and why nobody knows how it ended. */
export async function runRemotely(client: LabClient, place: CommandPlace, argv: readonly string[]): Promise<number> {
  let command: RemoteCommand | undefined
  // Those that come before it has started are for it, too.
  const heard: NodeJS.Signals[] = []
  const onSignal = (signal: NodeJS.Signals): void => {
    heard.push(signal)
    command?.signal(signal)
    if (heard.length >= PATIENCE) client.close()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, onSignal)
  try {
    command = await client.exec(place, argv, process)
    for (const signal of heard) command.signal(signal)
    return await command.ended
  } finally {
    client.close()
  }
}
