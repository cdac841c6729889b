// nslab report RUN: judges a saved run again and writes its report files anew.

import { join } from 'node:path'
import type { Command } from 'commander'
import { Option } from 'commander'
import { NslabError } from '../base/errors.ts'
import { renderHtml } from '../report/html.ts'
import { renderJson } from '../report/json.ts'
import { renderJunit } from '../report/junit.ts'
import { type Judged, judgeFolder, writeReports } from '../report/render.ts'
import { renderTap } from '../report/tap.ts'
import { renderTerminal } from '../report/terminal.ts'
import { wantsColours } from './progress/colours.ts'

/** The run that `nslab run` made last, from where it was started. */
export const latestRun = join('runs', 'latest')

const formats = {
  terminal: ({ report, history }: Judged, folder: string) =>
    renderTerminal(report, history, { color: wantsColours(), folder }),
  json: ({ report }: Judged) => renderJson(report),
  tap: ({ report }: Judged) => renderTap(report),
  junit: ({ report }: Judged) => renderJunit(report),
  html: ({ report, history }: Judged) => renderHtml(report, history),
} as const

type Format = keyof typeof formats

/** Errors that mean the folder is someone's archive, not that the disk is full: the report is still printed. */
const readOnlyErrnos = ['EROFS', 'EACCES', 'EPERM']

export function addReportCommand(program: Command): void {
  program
    .command('report')
    .summary('judge a saved run again and render its report')
    .description(
      'Judges the saved data of a run again, which gives the same verdict at any time and place, writes report.json, ' +
        'report.html, report.tap and report.junit.xml into its folder, and prints one of them. ' +
        'Exits with the run’s own exit code.',
    )
    .argument('[run]', 'run folder', latestRun)
    .addOption(new Option('--format <format>', 'what to print').choices(Object.keys(formats)).default('terminal'))
    .action((folder: string, options: { format: Format }) => {
      process.exitCode = report(folder, options.format)
    })
}

function report(folder: string, format: Format): number {
  const judged = judgeFolder(folder)
  process.stdout.write(formats[format](judged, folder))
  try {
    writeReports(folder, judged)
  } catch (error) {
    const errno = error instanceof NslabError ? error.facts.errno : undefined
    if (!readOnlyErrnos.includes(String(errno))) throw error
    process.stderr.write(`nslab: ${(error as NslabError).message}; the report was only printed\n`)
  }
  return judged.report.exit_code
}
