// npm run profile -- doctor|flame [controller|collector]: the program under clinic, a load on it, and the proof that
// there is a profile: without a terminal clinic may record nothing and still exit with 0.

import { Argument, Command, InvalidArgumentError } from 'commander'
import { loadCollector } from './profile/collector.ts'
import { loadController } from './profile/controller.ts'
import { type Kind, kinds, profile, type Subject } from './profile/record.ts'

const subjects: Readonly<Record<string, (nodes: number) => Promise<Subject>>> = {
  controller: loadController,
  collector: loadCollector,
}

const number = (text: string): number => {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 3) throw new InvalidArgumentError('must be a whole number from 3.')
  return value
}

await new Command('profile')
  .description('profiles a program of nslab under a synthetic load, with clinic')
  .addArgument(new Argument('<kind>', 'what clinic makes of it').choices(kinds))
  .addArgument(new Argument('[subject]', 'which program').choices(Object.keys(subjects)).default('controller'))
  .option('--nodes <n>', 'nodes that join (controller), namespaces that are polled (collector)', number, 300)
  .option('--seconds <n>', 'how long the load lasts', number, 15)
  .option('--out <dir>', 'where profiles go', '.profile')
  .action(async (kind: Kind, name: string, options: { nodes: number; seconds: number; out: string }) => {
    const subject = await (subjects[name] as (nodes: number) => Promise<Subject>)(options.nodes)
    const page = await profile(kind, name, subject, options)
    process.stdout.write(`${page}\n`)
  })
  .parseAsync()
