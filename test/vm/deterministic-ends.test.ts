// How a deterministic run ends where its guest can't go on.

import { appendFileSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadScenario } from '../../src/config/load.ts'
import { parseSet } from '../../src/config/override.ts'
import { prepareDeterministic } from '../../src/lab/deterministic/machine.ts'
import { readRecord } from '../../src/lab/deterministic/record.ts'
import { type DeterministicResult, runDeterministic, seal } from '../../src/lab/deterministic/run.ts'
import { judgeFolder, writeReports } from '../../src/report/render.ts'
import { wholeInitrdOf } from '../../src/vm/image/boot.ts'
import { imageFor } from '../../src/vm/image/build.ts'
import { cpio } from '../../src/vm/image/cpio.ts'
import { Tree } from '../../src/vm/image/tree.ts'
import type { Image } from '../../src/vm/image/types.ts'

const image = await imageFor('fleet', { onStep: step => t.comment(step) })
const imageFile = join(image.folder, 'image.json')
const folder = mkdtempSync(join(tmpdir(), 'nslab-deterministic-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

/** The image with other programs in it: what comes later in an initrd replaces what came before. */
async function imageRunning(t: Test, program: string): Promise<Image> {
  const tree = new Tree()
  tree.text('nslab/dist/cli/main.js', program)
  const wholeInitrdPath = join(t.testdir(), 'root.cpio')
  copyFileSync(wholeInitrdOf(image), wholeInitrdPath)
  for await (const piece of cpio(tree.entries())) appendFileSync(wholeInitrdPath, piece)
  return { ...image, wholeInitrdPath }
}

const prepared = (...sets: string[]): ReturnType<typeof prepareDeterministic> => {
  const overrides = ['nodes=2', 'run.deterministic=true', `hosts.image=${imageFile}`, ...sets].map(parseSet)
  const { scenario, text } = loadScenario('ring', overrides)
  return prepareDeterministic(scenario, text, () => {})
}

interface Judged {
  readonly result: DeterministicResult
  readonly folder: string
  readonly error: Record<string, unknown>
}

/** A run in a guest that has `program` in place of nslab's. */
async function runBroken(
  t: Test,
  name: string,
  program: string,
  options: { silentAfterS?: number; onProgress?: () => void } = {},
): Promise<Judged> {
  const preparation = await prepared()
  const out = join(folder, name)
  const result = await runDeterministic(
    { ...preparation, image: await imageRunning(t, program) },
    {
      base: folder,
      out,
      interrupted: new AbortController().signal,
      onProgress: () => {},
      onFolder: () => {},
      ...options,
    },
  )
  const judged = judgeFolder(out)
  writeReports(out, judged)
  t.match(judged.report, { verdict: 'error', level: 'tcg', exit_code: 6 })
  return { result, folder: out, error: { ...judged.report.error } }
}

t.test('a guest that panics is an error with its last words, the same each time', async t => {
  const panic = `process._rawDebug('about to panic'); require('fs').writeFileSync('/proc/sysrq-trigger', 'c')`
  const one = await runBroken(t, 'panic', panic)
  t.match(one.error, { code: 'VM_FAILED', message: /vm1 panicked: sysrq triggered crash\nits console said last:/ })
  t.match(readFileSync(join(one.folder, 'console/vm1.log'), 'utf8'), /about to panic[\s\S]*Kernel panic/)
  t.ok(one.result.isRepeatable)
  const other = await runBroken(t, 'panic-again', panic)
  t.equal(seal(other.result), seal(one.result))
})

t.test('a guest without results is an error with its last words', async t => {
  const { error } = await runBroken(t, 'silent', `process._rawDebug('no idea what to do'); process.exit(3)`)
  t.match(error, { code: 'VM_FAILED', message: /vm1 switched itself off without results[\s\S]*no idea what to do/ })
})

/** A program that leaves these bytes as results. */
const leaving = (path: string): string => `
const fs = require('fs')
process._rawDebug('nslab-run [1.000]: preflight')
const end = Date.now() + 10000
while (!fs.existsSync('/dev/vport0p1') && Date.now() < end);
const outcome = { error: null, bug: null, disk: null, guest_s: 2, guest_idle_s: 1 }
fs.writeFileSync('/dev/vport0p1', [outcome, { path: '${path}', bytes: 1, mode: 420 }].map(JSON.stringify).join('\\n') + '\\nx\\n')
`

t.test('what a guest leaves goes into its folder and nowhere else', async t => {
  const { error } = await runBroken(t, 'outside', leaving('../outside-of-it'))
  t.match(error, { code: 'VM_FAILED', message: /results that can't be read: a path outside the folder/ })
  t.notOk(existsSync(join(folder, 'outside-of-it')))
})

t.test('a file that can not be written is told, and the run not called repeatable', async t => {
  const { error, result } = await runBroken(t, 'refused', leaving('taken'), {
    onProgress: () => mkdirSync(join(folder, 'refused/taken'), { recursive: true }),
  })
  t.match(error, { code: 'DISK_REFUSED', message: /EISDIR/ })
  t.notOk(result.isRepeatable)
})

t.test('a guest that says nothing any more is ended, and what it did is said', async t => {
  const { error, result } = await runBroken(t, 'hang', 'for (;;);', { silentAfterS: 12 })
  t.match(error, { code: 'VM_FAILED', message: /said nothing on its console for 12 s; .*computes/ })
  t.notOk(result.isRepeatable, 'when it was ended was our doing')
})

t.test('an interrupt switches the VM off; the report is still written, and nothing can be repeated', async t => {
  const interrupt = new AbortController()
  const out = join(folder, 'interrupted')
  const result = await runDeterministic(await prepared(), {
    base: folder,
    out,
    interrupted: interrupt.signal,
    // The guest is in the midst of its run.
    onProgress: () => interrupt.abort('SIGINT'),
    onFolder: () => {},
  })
  t.match(judgeFolder(out).report, { verdict: 'error', exit_code: 130, error: { code: 'INTERRUPTED' } })
  t.notOk(result.isRepeatable)
  t.throws(() => readRecord(out), { code: 'NOT_REPEATABLE' })
})

t.test('what can not work is refused before anything is made', async t => {
  await t.rejects(prepared('hosts.memory_mib=256'), { code: 'VM_TOO_SMALL', exitCode: 2 })
  const external = prepared('controller.db.host=127.0.0.1', 'controller.db.port=5432')
  await t.rejects(external, { code: 'USAGE', message: /hears of nothing outside its VM/ })
  await t.rejects(prepared('hosts.memory_mib=1048576'), { code: 'NOT_FIT', facts: { limits: ['memory'] } })
})
