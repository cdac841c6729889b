// The native programs of benchmarks compile and link with the sources as they are.

import { accessSync, constants, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { benchPrograms, compiled } from '../../bench/program.ts'

t.setTimeout(600_000)

for (const name of benchPrograms)
  t.test(`${name} is built`, async t => {
    const folder = mkdtempSync(join(tmpdir(), 'nslab-bench-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const program = await compiled(name, folder, '-O0')
    accessSync(program, constants.X_OK)
    const { mtimeMs } = statSync(program)
    t.equal(statSync(await compiled(name, folder, '-O0')).mtimeMs, mtimeMs, 'and not again')
  })
