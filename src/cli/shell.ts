// nslab shell VM: a shell on a guest's console, in the user's terminal; without a terminal, a script for its sh.

import { constants } from 'node:os'
import type { Command } from 'commander'
import { LabClient, type RemoteShell } from '../lab/visit/client.ts'
import { findVm } from '../lab/visit/vms.ts'
import { runRemotely } from './remote-command.ts'

/** Ctrl-], as in telnet and virsh: for a guest that does not answer. */
const LEAVE = 0x1d

export function addShellCommand(program: Command): void {
  program
    .command('shell')
    .summary("a shell in a run's VM")
    .description(
      'Opens a shell in a VM of a live run, or one that was kept. It ends with the run; its exit code is ours. ' +
        'Ctrl-] leaves. Without a terminal, what is on standard input is run by sh in the VM.',
    )
    .argument('[vm]', 'name of the VM; may be left out where there is one')
    .option('--run <run>', 'which live run: the start of its id, its folder, or the name of that')
    .action(async (name: string | undefined, options: { run?: string }) => {
      const { run, vm } = await findVm(name, options.run)
      const client = await LabClient.connect(run)
      process.exitCode = process.stdin.isTTY
        ? await atTerminal(client, vm.name)
        : await runRemotely(client, { vm: vm.name }, ['sh'])
    })
}

async function atTerminal(client: LabClient, vm: string): Promise<number> {
  const { stdin, stdout, stderr } = process
  const size = (): { rows: number; columns: number } => ({ rows: stdout.rows ?? 24, columns: stdout.columns ?? 80 })
  let left: number | null = null
  const leave = (code: number): void => {
    left ??= code
    client.close()
  }
  // The terminal is ours until the end; Ctrl-C is the guest's.
  const onSignal = (signal: NodeJS.Signals): void => leave(128 + constants.signals[signal])
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  let shell: RemoteShell | undefined
  const onResize = (): void => shell?.resize(size())
  try {
    shell = await client.shell(vm, { ...size(), term: process.env.TERM ?? 'linux' })
    stderr.write(`nslab: ${vm}; Ctrl-] leaves\n`)
    stdin.setRawMode(true)
    stdout.on('resize', onResize)
    shell.tty.pipe(stdout, { end: false })
    pass(stdin, shell, () => leave(0))
    return await shell.ended
  } catch (error) {
    if (left === null) throw error
    return left
  } finally {
    stdin.setRawMode(false).destroy()
    stdout.off('resize', onResize)
    if (left !== null) stderr.write('\r\n')
    client.close()
  }
}

/** What is typed, no faster than it is taken. */
function pass(typed: NodeJS.ReadStream, { tty }: RemoteShell, onLeave: () => void): void {
  typed.on('data', (text: Buffer) => {
    if (text.includes(LEAVE)) onLeave()
    else if (!tty.write(text)) {
      typed.pause()
      tty.once('drain', () => typed.resume())
    }
  })
}
