// nslab's programs as a guest has them: fewer files, the same programs.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { run } from '../../src/base/exec.ts'
import { bundlePrograms } from '../../src/vm/image/bundle.ts'

/** Programs of the shape of nslab's own: an entry that loads commands on demand, what they share, files they find. */
const sources = {
  'package.json': '{"type": "module", "version": "1.2.3"}',
  'dist/cli/main.js': `
import { Refusal } from '../base/errors.js'
const commands = {
  fast: async () => (await import('./fast.js')).run,
  slow: async () => (await import('./slow.js')).run,
}
async function main(args) {
  const command = await commands[args[0]]()
  await command()
}
function onError(error) {
  console.log(error instanceof Refusal ? 'refused' : 'a bug', error.message)
}
await main(process.argv.slice(2)).catch(onError)
`,
  'dist/base/errors.js': 'export class Refusal extends Error {}\n',
  'dist/base/counted.js': 'let count = 0\nexport const next = () => ++count\n',
  'dist/cli/fast.js': `
import { Refusal } from '../base/errors.js'
import { next } from '../base/counted.js'
export async function run() {
  next()
  const slow = await import('./slow.js')
  console.log('fast', slow.seen())
  throw new Refusal('on purpose')
}
`,
  'dist/cli/slow.js': `
import { readFileSync } from 'node:fs'
import { Refusal } from '../base/errors.js'
import { next } from '../base/counted.js'
export const seen = () => next()
export async function run() {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const { hostname } = await import('node:os')
  console.log('slow', version, typeof hostname())
  undeclared = 1
}
`,
}

function project(t: Test): string {
  const root = t.testdir({})
  for (const [path, text] of Object.entries(sources)) put(join(root, path), text)
  return root
}

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

const request = { entry: 'dist/cli/main.js', fast: 'dist/cli/fast.js' }

t.test('a bundle does what the modules did: one of each class, files found, strict', async t => {
  const root = project(t)
  const bundle = await bundlePrograms({ root, ...request })
  const guest = t.testdir({ 'package.json': '{"version": "1.2.3"}', dist: { 'package.json': '{"type": "commonjs"}' } })
  for (const [path, text] of Object.entries(bundle)) put(join(guest, path), text)
  const said = async (command: string) => (await run(process.execPath, [join(guest, request.entry), command])).stdout
  t.equal(await said('fast'), 'fast 2\nrefused on purpose\n')
  t.equal(await said('slow'), 'slow 1.2.3 string\na bug undeclared is not defined\n')
})

t.test('what is to start fast is in the first file, the rest is apart; twice the same', async t => {
  const root = project(t)
  const bundle = await bundlePrograms({ root, ...request })
  const [entry, ...others] = Object.keys(bundle).sort(
    (a, b) => Number(b === request.entry) - Number(a === request.entry),
  )
  t.equal(entry, request.entry)
  t.match(bundle[request.entry], /on purpose/)
  t.match(bundle[request.entry], /Refusal = class/)
  t.notMatch(bundle[request.entry], /undeclared/)
  t.equal(others.length, 1)
  t.match(bundle[others[0] ?? ''], /undeclared/)
  t.same(await bundlePrograms({ root, ...request }), bundle)
})

t.test('a program that can not be bundled is refused with what the bundler says', async t => {
  const root = project(t)
  put(join(root, 'dist/cli/fast.js'), "import { none } from './nowhere.js'\nnone()\n")
  await t.rejects(bundlePrograms({ root, ...request }), /nowhere/)
})
