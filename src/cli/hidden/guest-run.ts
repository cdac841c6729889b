// nslab guest-run: what the init of a deterministic guest starts, and nobody else. Not among the commands of the help.

import { runInGuest } from '../../lab/deterministic/guest.ts'

export async function runGuestCommand(): Promise<void> {
  await runInGuest()
}
