// nslab agent: what a guest's init starts, and nobody else.

import type { Command } from 'commander'

export function addAgentCommand(program: Command): void {
  program
    .command('agent', { hidden: true })
    .description('Answers the runner of this guest.')
    .option('--fd <n>', 'an inherited socket in place of the port')
    .option('--folder <folder>', 'where the files of the agent and of its site are')
    .action(async ({ fd, folder }: { readonly fd?: string; readonly folder?: string }) => {
      const { runAgent } = await import('../lab/agent/main.ts')
      await runAgent({
        ...(fd === undefined ? {} : { fd: Number(fd) }),
        ...(folder === undefined ? {} : { folder }),
      })
    })
}
