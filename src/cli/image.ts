// nslab image: builds the image that microVMs boot, ahead of the run that needs it, and says where it is.

import { resolve } from 'node:path'
import { Argument, type Command } from 'commander'
import { NslabError } from '../base/errors.ts'
import { Log } from '../base/log.ts'
import { imageFor } from '../vm/image/build.ts'
import { type ImageRole, imageRoles } from '../vm/image/types.ts'
import { interruptible } from './interruptible.ts'

export function addImageCommand(program: Command): void {
  program
    .command('image')
    .summary('build the image of a microVM')
    .description('Builds what a microVM boots, or finds it in the cache, and prints the path of its description.')
    .addArgument(new Argument('[role]', 'what the machine is for').choices(imageRoles).default('fleet'))
    .option('--json', 'print the description')
    .option('--cache <dir>', "keep it there, in place of the clone's own .cache")
    .action(async (role: ImageRole, options: { json?: boolean; cache?: string }) => {
      const log = new Log('info')
      const onStep = (line: string): void => log.info(line)
      if (options.cache === '') throw new NslabError('USAGE', { problem: "--cache '': must be a folder's path" })
      const cache = options.cache === undefined ? {} : { cache: resolve(options.cache) }
      const {
        folder,
        kernelPath: _,
        initrdPath: __,
        rootPath: ___,
        wholeInitrdPath: ____,
        ...image
      } = await interruptible(signal => imageFor(role, { ...cache, onStep, signal }))
      process.stdout.write(options.json ? `${JSON.stringify(image, null, 2)}\n` : `${folder}/image.json\n`)
    })
}
