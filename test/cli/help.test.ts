// The help, and what documents say of commands: each command and flag that they name exists.

import { Command } from 'commander'
import t from 'tap'
import { addConnectionsCommand } from '../../src/cli/connections.ts'
import { addRemoteCommand } from '../../src/cli/remote.ts'
import { NslabProcess } from '../fixtures/nslab-process.ts'
import { readSource } from '../fixtures/source-tree.ts'

const DOCUMENTS = ['README.md', 'soak/README.md', 'microvms/README.md']

t.test('defaults are told as one writes them', async t => {
  const program = new Command()
  addConnectionsCommand(program)
  addRemoteCommand(program)
  const [connections, remote] = program.commands.map(command => command.helpInformation())
  t.match(connections, /how long to hold them\s+\(default: 2s\)/)
  t.match(remote, /how long a lost connection is tried again\s+\(default: 10m\)/)
})

/** Commands as documents write them, to the end of their line or code span: "exec 17 -- ip addr". */
function commandsIn(text: string): string[] {
  const spans = [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)
  const lines = [...text.matchAll(/^```\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) => block.split('\n'))
  return [...spans, ...lines].flatMap(code => {
    const [, words] = /(?:^|\s)(?:npx nslab|nslab|npm start --) ([a-z].*)/.exec(code) ?? []
    return words === undefined ? [] : [words.split(/ {3,}|; /)[0] as string]
  })
}

t.test('every command and flag that documents name exists', async t => {
  const helps = new Map<string, string>()
  const helpOf = async (command: string): Promise<string> => {
    const help = helps.get(command) ?? (await new NslabProcess([command, '--help']).ended).stdout
    helps.set(command, help)
    return help
  }
  const unknown: string[] = []
  let flagsCount = 0
  for (const document of DOCUMENTS)
    for (const words of commandsIn(readSource(document))) {
      const [command = ''] = words.split(' ')
      const help = await helpOf(command)
      if (!help.startsWith(`Usage: nslab ${command} `)) unknown.push(`${document}: ${words}`)
      const [ours = ''] = words.split(' -- ')
      for (const [flag] of ours.matchAll(/(?<= )--[a-z-]+/g)) {
        flagsCount += 1
        if (!new RegExp(`${flag}\\b`).test(help)) unknown.push(`${document}: ${words}: ${flag}`)
      }
    }
  t.same(unknown, [])
  t.ok(helps.size > 15 && flagsCount > 15, `${helps.size} commands, ${flagsCount} flags`)
})
