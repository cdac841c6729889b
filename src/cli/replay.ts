// nslab replay RUN: repeats a deterministic run from its folder and compares what comes out, file by file.

import { realpathSync } from 'node:fs'
import type { Command } from 'commander'
import { NslabError } from '../base/errors.ts'
import { ExitCode } from '../base/exit-codes.ts'
import { compareFolders, describeDifferences } from '../lab/deterministic/compare.ts'
import { prepareReplay, short } from '../lab/deterministic/machine.ts'
import { changedSince, digestFiles, digestOfAll, readRecord } from '../lab/deterministic/record.ts'
import { printable } from '../report/format.ts'
import { interruptible } from './interruptible.ts'
import { latestRun } from './report.ts'
import { note, runPrepared } from './run/deterministic.ts'

interface Options {
  readonly out?: string
  readonly image?: string
}

export function addReplayCommand(program: Command): void {
  program
    .command('replay')
    .summary('repeat a deterministic run and compare')
    .description(
      'Repeats a run that was made with --deterministic, and compares every file of the two run folders. ' +
        'Exits with 0 where they are equal and with 1 where they differ, whatever the verdict of the runs.',
    )
    .argument('[run]', 'run folder', latestRun)
    .option('--out <dir>', 'run folder of the repetition in place of a new one under runs/')
    .option('--image <file>', 'image.json that the run was made with, where the cache has it no more')
    .action(async (folder: string, options: Options) => {
      process.exitCode = await replay(folder, options)
    })
}

async function replay(given: string, { out, image }: Options): Promise<ExitCode> {
  // The link to the latest run is about to mean another.
  const folder = resolveFolder(given)
  const record = readRecord(folder)
  const before = digestFiles(folder)
  const preparation = await interruptible(signal => prepareReplay(given, record, { image, onStep: note, signal }))
  const { machine } = record
  note(`repeats ${given}: seed ${machine.seed}, image ${short(machine.image.digest)}, QEMU ${machine.qemu_version}`)
  const { result, exitCode } = await runPrepared(preparation, out)
  if (exitCode === ExitCode.interrupted || !result.isRepeatable) return exitCode === 0 ? ExitCode.unknown : exitCode
  const { equal, different } = compareFolders(folder, result.folder)
  const lines =
    different.length === 0
      ? [`EQUAL  all ${equal} files: digest ${digestOfAll(before)}`]
      : describeDifferences(different, equal, {
          folder,
          again: result.folder,
          changed: changedSince(record, before),
        })
  process.stdout.write(`\n${lines.map(line => `  ${printable(line)}\n`).join('')}`)
  return different.length === 0 ? ExitCode.pass : ExitCode.gateFailed
}

function resolveFolder(given: string): string {
  try {
    return realpathSync(given)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new NslabError('FILE_UNREADABLE', { path: given, reason: code ?? message }, { cause: error })
  }
}
