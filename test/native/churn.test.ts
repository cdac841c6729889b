// Runs the C++ tests of the churner under sanitizers: they make each of its kernel calls fail in turn.

import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)
const native = fileURLToPath(new URL('../../native', import.meta.url))
const launcher = join(native, 'build/Release/nslab-launch')
const parts = [
  ...['status', 'sys', 'thread'].map(name => `base/${name}`),
  ...['netns', 'setting', 'switch_log'].map(name => `netns/${name}`),
  ...['batch', 'socket', 'monitor', 'link', 'nsid'].map(name => `rtnl/${name}`),
  ...['child', 'churner', 'holder', 'parked', 'sockets', 'time_wait', 'witness', 'worker'].map(name => `churn/${name}`),
]

// Compiling takes most of it.
t.setTimeout(850_000)

for (const sanitizers of ['address,undefined', 'thread']) {
  t.test(`the churner undoes what fails, under ${sanitizers}`, async t => {
    const seed = process.env.NSLAB_TEST_SEED ?? String(Date.now() % 2 ** 31)
    t.comment(`NSLAB_TEST_SEED=${seed}`)
    const folder = mkdtempSync(join(tmpdir(), 'nslab-churn-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const program = join(folder, 'churn_test')
    // As one unit: the standard headers, most of the work, are read once.
    const unit = join(folder, 'unit.cc')
    writeFileSync(unit, [...parts, 'test/churn_test'].map(source => `#include "${source}.cc"\n`).join(''))
    const sanitize = [`-fsanitize=${sanitizers}`, '-fno-sanitize-recover=all']
    const options = ['-std=gnu++20', '-O0', '-g1', '-w', '-pthread', ...sanitize, '-I', native]
    await run(process.env.CXX ?? 'c++', [...options, unit, '-o', program])
    const folders = ['named', 'mounted'].map(name => join(folder, name))
    for (const path of folders) mkdirSync(path)
    const own = [...(process.getuid?.() === 0 ? [] : ['--user', '--net']), '--mount']
    const { stdout } = await run(launcher, [
      ...own,
      '--',
      program,
      seed,
      join(native, 'build/Release/nslab-hold'),
      ...folders,
    ])
    const lines = stdout.split('\n').filter(line => /^(not )?ok /.test(line))
    t.equal(lines.length, 20)
    for (const line of lines) t.match(line, /^ok /, line)
  })
}
