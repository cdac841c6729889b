// Runs discovery under sanitizers, while another process churns.

import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const run = promisify(execFile)
const native = fileURLToPath(new URL('../../native', import.meta.url))
const parts = ['base/status', 'base/sys', 'base/thread', 'netns/netns', 'netns/switch_log']
const objects = readdirSync(join(native, 'discover')).flatMap(name =>
  name.endsWith('.cc') ? [`discover/${name.slice(0, -3)}`] : [],
)

// Compiling takes most of it.
t.setTimeout(300_000)

for (const sanitizers of ['address,undefined', 'thread']) {
  t.test(`discovery is clean under ${sanitizers}`, async t => {
    const seed = process.env.NSLAB_TEST_SEED ?? String(Date.now() % 2 ** 31)
    t.comment(`NSLAB_TEST_SEED=${seed}`)
    const folder = mkdtempSync(join(tmpdir(), 'nslab-discover-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const program = join(folder, 'discover-test')
    // As one unit: the standard headers, most of the work, are read once.
    const includes = [...parts, ...objects, 'test/discover_test'].flatMap(part => ['-include', `${part}.cc`])
    const sanitize = [`-fsanitize=${sanitizers}`, '-fno-sanitize-recover=all']
    const options = ['-std=gnu++20', '-O0', '-g1', '-w', '-pthread', ...sanitize, '-I', native, ...includes]
    await run(process.env.CXX ?? 'c++', [...options, '-x', 'c++', '/dev/null', '-o', program])
    const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
    const apart = [...user, '--net', '--pid', '--fork', '--kill-child', '--mount-proc']
    const { stdout } = await run('unshare', [...apart, program, seed])
    const lines = stdout.split('\n').filter(line => /^(not )?ok /.test(line))
    t.equal(lines.length, 16)
    for (const line of lines) t.match(line, /^ok /, line)
  })
}
