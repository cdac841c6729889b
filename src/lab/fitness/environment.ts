// What a run ran on: kernel, processor, memory, versions, lock-file digests, commit. Saved before the run changes
// anything.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../base/clock.ts'
import { run } from '../../base/exec.ts'
import type { Level } from '../../config/types.ts'
import type { Environment } from '../../judge/types.ts'

const rootPath = fileURLToPath(new URL('../../..', import.meta.url))

function digestOf(name: string): readonly [string, string][] {
  try {
    return [
      [
        name,
        createHash('sha256')
          .update(readFileSync(`${rootPath}${name}`))
          .digest('hex'),
      ],
    ]
  } catch {
    return []
  }
}

/** The commit this tree is at, with "+" when it differs from it; null outside a checkout or without git. */
async function readCommit(): Promise<string | null> {
  try {
    const head = await run('git', ['-C', rootPath, 'rev-parse', 'HEAD'], { timeoutMs: 5000 })
    const status = await run('git', ['-C', rootPath, 'status', '--porcelain', '--untracked-files=no'], {
      timeoutMs: 5000,
    })
    return head.code === 0 ? head.stdout.trim() + (status.stdout === '' ? '' : '+') : null
  } catch {
    return null
  }
}

function readLimits(): Record<string, number> {
  const line = /^Max open files\s+(\d+|unlimited)\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
  return {
    open_files_soft_count: Number(line?.[1] ?? Number.NaN),
    open_files_hard_count: Number(line?.[2] ?? Number.NaN),
  }
}

/** Reads the environment record of a run. `accelerator` is "none" on this machine itself. */
export async function readEnvironment(facts: {
  readonly runId: string
  readonly level: Level
  readonly accelerator: string
  readonly clock: Clock
}): Promise<Environment> {
  const version = (JSON.parse(readFileSync(`${rootPath}package.json`, 'utf8')) as { version: string }).version
  return {
    run_id: facts.runId,
    started_at: facts.clock.wallDate().toISOString(),
    level: facts.level,
    accelerator: facts.accelerator,
    kernel: release(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cpus_count: cpus().length,
    memory_bytes: totalmem(),
    versions: { nslab: version, node: process.versions.node, v8: process.versions.v8, uv: process.versions.uv },
    lock_digests: Object.fromEntries([...digestOf('package-lock.json'), ...digestOf('flake.lock')]),
    commit: await readCommit(),
    rootless: process.env.NSLAB_ROOTLESS === '1',
    limits: readLimits(),
  }
}
