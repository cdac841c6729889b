// nslab keep-run: what `nslab run --keep` starts, and nobody else. Not among the commands of the help.

import { Socket } from 'node:net'
import { KEEPER_FD } from '../../lab/keep/protocol.ts'
import { serveKeeper } from '../../lab/keep/serve.ts'

export async function runKeepCommand(): Promise<void> {
  await serveKeeper(new Socket({ fd: KEEPER_FD }))
  process.exit(0)
}
