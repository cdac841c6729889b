// npm run profile: profiles of the controller under the joins of a ring, and of the collector, made as users make them.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'

const profile = fileURLToPath(new URL('../../src/setup/profile.mjs', import.meta.url))
/** As at a prompt: what tap has every Node.js below it do ends some that clinic starts. */
const AT_PROMPT = ['--unset=NODE_OPTIONS', process.execPath]
/** Fetching clinic included. */
const LIMIT_MS = 900_000

async function profiled(t: Test, kind: string, subject: string): Promise<{ page: string; stderr: string }> {
  const words = [profile, kind, subject, '--nodes', '60', '--seconds', '5', '--out', t.testdir({})]
  const { stdout, stderr } = await promisify(execFile)('env', [...AT_PROMPT, ...words], { timeout: LIMIT_MS })
  t.match(stdout.trim(), new RegExp(`${subject}\\.clinic-${kind}\\.html$`))
  const page = readFileSync(stdout.trim(), 'utf8')
  t.ok(page.length > 100_000, `${page.length} characters`)
  return { page, stderr }
}

t.test('clinic doctor sees the controller at work', async t => {
  t.match((await profiled(t, 'doctor', 'controller')).stderr, /profile: \d+ joins of 60 nodes/)
})

t.test('clinic flame has the functions of the controller', async t => {
  t.match((await profiled(t, 'flame', 'controller')).page, /dist\/controller\//)
})

t.test('clinic doctor sees the collector at work', async t => {
  t.match((await profiled(t, 'doctor', 'collector')).stderr, /profile: 60 namespaces polled/)
})
