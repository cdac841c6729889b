// nslab agent: what a guest's init starts, and nobody else. Not among the commands of the help.

import { runAgent } from '../../lab/agent/main.ts'

/** `--fd N`: an inherited socket in place of the guest's port; `--folder DIR`: for the files of agent and site. */
export async function runAgentCommand(args: readonly string[]): Promise<void> {
  const flag = (name: string): string | undefined => {
    const at = args.indexOf(name)
    return at < 0 ? undefined : args[at + 1]
  }
  const [fd, folder] = [flag('--fd'), flag('--folder')]
  await runAgent({
    ...(fd === undefined ? {} : { fd: Number(fd) }),
    ...(folder === undefined ? {} : { folder }),
  })
}
