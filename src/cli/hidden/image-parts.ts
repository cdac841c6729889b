// nslab seal-image and nslab guest-files: what the flake's derivations of guest images run. Not in the help of nslab.

import { type Command, InvalidArgumentError, Option } from 'commander'
import { Log } from '../../base/log.ts'
import { writeGuestFiles } from '../../vm/image/nslab-files.ts'
import { sealImage } from '../../vm/image/seal.ts'
import { type ImageRole, imageRoles } from '../../vm/image/types.ts'

interface SealOptions {
  readonly role: ImageRole
  readonly kernel: string
  readonly initrd: string
  readonly root?: string
  readonly modules: string
  readonly commandLine: string
  readonly memoryMinMib: number
  readonly version: Readonly<Record<string, string>>
  readonly out: string
}

export function addSealImageCommand(program: Command): void {
  program
    .command('seal-image', { hidden: true })
    .description('Makes the folder of an image from a kernel, an initrd and a disk that are ready.')
    .addOption(new Option('--role <role>', 'what the machine is for').choices(imageRoles).makeOptionMandatory())
    .requiredOption('--kernel <file>', 'a bzImage')
    .requiredOption('--initrd <file>', 'the initrd')
    .option('--root <file>', 'the disk with the root; absent: the root is the initrd')
    .requiredOption('--modules <dir>', "the kernel's modules, after depmod: lib/modules/RELEASE")
    .requiredOption('--command-line <words>', 'words for the kernel')
    .requiredOption('--memory-min-mib <n>', 'least memory that boots and starts the agent', parseMib)
    .option('--version <name=version>', 'what it was made of; may be repeated', collect, {})
    .requiredOption('--out <dir>', 'the folder to make')
    .action(async ({ out, root, version, ...parts }: SealOptions) => {
      const log = new Log('info')
      await sealImage({ ...parts, root: root ?? null, versions: version }, out, line => log.info(line))
    })
}

export function addGuestFilesCommand(program: Command): void {
  program
    .command('guest-files', { hidden: true })
    .description("Writes nslab's programs as a guest has them.")
    .argument('<dir>', 'the folder to make')
    .action((folder: string) => writeGuestFiles('fleet', folder))
}

function parseMib(text: string): number {
  const mib = Number(text)
  if (!Number.isInteger(mib) || mib < 64) throw new InvalidArgumentError('a whole number from 64')
  return mib
}

function collect(text: string, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const [name = '', ...rest] = text.split('=')
  if (name === '' || rest.length === 0) throw new InvalidArgumentError('name=version')
  return { ...before, [name]: rest.join('=') }
}
