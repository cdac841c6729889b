// Runs nslab as its users do and reads the metrics of its report.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../src/base/exec.ts'
import type { Report } from '../src/judge/types.ts'

export const cliPath = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))

/** One run of a scenario; its folder is removed. Throws when it gives no report with a wired fleet. */
export async function measureRun(args: readonly string[]): Promise<Report['metrics']> {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-bench-'))
  try {
    const out = join(folder, 'run')
    const ended = await run(process.execPath, [cliPath, 'run', ...args, '--out', out, '--set', 'run.hold=0s'], {
      timeoutMs: 600_000,
    })
    const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')) as Report
    if (report.verdict === 'error')
      throw new Error(`nslab run ${args.join(' ')}: ${report.error?.message}\n${ended.stderr}`)
    return report.metrics
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
