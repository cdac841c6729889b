// nslab compare A B: two saved runs, or two sets of repeated ones, with their noise.

import type { Command } from 'commander'
import { Option } from 'commander'
import { NslabError } from '../base/errors.ts'
import { compareRuns, type Run } from '../report/compare.ts'
import { renderComparison, warnings } from '../report/compare-terminal.ts'
import { judgeFolder } from '../report/render.ts'

export function addCompareCommand(program: Command): void {
  program
    .command('compare')
    .summary('compare two runs, with their noise')
    .description(
      'Judges saved runs again and shows their metrics side by side. A and B may each be several run folders of repeated ' +
        'runs, separated by commas: then medians and ranges are compared.',
    )
    .argument('<a>', 'run folder, or several separated by commas')
    .argument('<b>', 'run folder, or several separated by commas')
    .addOption(new Option('--format <format>', 'what to print').choices(['terminal', 'json']).default('terminal'))
    .action((a: string, b: string, { format }: { format: 'terminal' | 'json' }) => {
      const comparison = compareRuns(readRuns(a), readRuns(b))
      const text =
        format === 'json' ? `${JSON.stringify(comparison, null, 2)}\n` : renderComparison(comparison, { a, b })
      process.stdout.write(text)
      if (format === 'json' || !process.stdout.isTTY) process.stderr.write(warnings(comparison).join('\n'))
    })
}

function readRuns(folders: string): Run[] {
  const names = folders.split(',').filter(name => name !== '')
  if (names.length === 0) {
    throw new NslabError('USAGE', { problem: 'a run folder is missing', hint: 'nslab compare RUN_A RUN_B' })
  }
  return names.map(judgeFolder)
}
