// A command in a guest as if it ran here: our streams, our signals, its exit code.

import type { CommandPlace, LabClient } from '../lab/lab-client.ts'

/** A user who asks so often wants out, also where the guest does not answer. */
const PATIENCE = 3

/** Runs it to its end. Throws where it can't be started, and why nobody knows how it ended. */
export async function runRemotely(client: LabClient, place: CommandPlace, argv: readonly string[]): Promise<number> {
  try {
    const command = await client.exec(place, argv, process)
    let signalsCount = 0
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) {
      process.on(signal, () => {
        signalsCount += 1
        command.signal(signal)
        if (signalsCount >= PATIENCE) client.close()
      })
    }
    return await command.ended
  } finally {
    client.close()
  }
}
