// An image's build that is interrupted, at any moment: it ends in order, leaves nothing half made, and the next one
// makes the same image.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { NslabError } from '../../src/base/errors.ts'
import { withMachineLock } from '../../src/base/machine-lock.ts'
import { imageFor } from '../../src/vm/image/build.ts'
import { ownCache } from '../fixtures/image-cache.ts'
import { cliPath } from '../fixtures/nslab-process.ts'

const interrupt = new NslabError('INTERRUPTED', { signal: 'SIGINT' })

/** What is half made in a cache; what was fetched is shared with other tests, and theirs. */
const halfMade = (cache: string): string[] =>
  ['images', 'derived'].flatMap(folder => {
    mkdirSync(join(cache, folder), { recursive: true })
    return readdirSync(join(cache, folder)).filter(name => name.includes('.part-'))
  })

t.test('a build that is given up leaves nothing half made, whenever that is', async t => {
  const cache = await ownCache(t)
  const onStep = (): void => {}
  for (const afterMs of [0, 20, 100, 300, 700, 1500]) {
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(interrupt), afterMs)
    const isBuilt = await imageFor('fleet', { cache, onStep, signal: stop.signal }).then(
      () => true,
      error => {
        t.equal(error, interrupt, `after ${afterMs} ms`)
        return false
      },
    )
    clearTimeout(timer)
    t.same(halfMade(cache), [], `after ${afterMs} ms: ${isBuilt ? 'built' : 'given up'}`)
    if (isBuilt) break
  }
  // While its last part is being written.
  const late = new AbortController()
  const onLate = (line: string): void => {
    if (line.startsWith('building')) setImmediate(() => late.abort(interrupt))
  }
  const other = await ownCache(t)
  await t.rejects(imageFor('fleet', { cache: other, onStep: onLate, signal: late.signal }), interrupt)
  t.same(halfMade(other), [])
  t.same(readdirSync(join(other, 'images')), [])
  const [image, again] = [await imageFor('fleet', { cache, onStep }), await imageFor('fleet', { cache: other, onStep })]
  t.equal(image.digest, again.digest)
})

t.test('who waits for another build can be interrupted', async t => {
  const cache = await ownCache(t)
  const stop = new AbortController()
  await withMachineLock(`images in ${cache}`, 10_000, async () => {
    const waiting = imageFor('fleet', { cache, onStep: () => {}, signal: stop.signal })
    setTimeout(() => stop.abort(interrupt), 50)
    await t.rejects(waiting, interrupt)
  })
})

t.test('a terminal that interrupts nslab image and its tools gets its exit code, and no bug', async t => {
  const cache = await ownCache(t)
  const args = [cliPath, 'image', 'fleet', '--cache', cache]
  // A process group of its own, as a terminal makes it: the interrupt reaches all of it.
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', text => (said += text))
  child.stdout.resume()
  // Its first traces: it is at work.
  while (!readdirSync(cache).includes('derived') && child.exitCode === null)
    await new Promise(resolve => setTimeout(resolve, 5))
  process.kill(-(child.pid as number), 'SIGINT')
  const [code] = await once(child, 'close')
  t.equal(code, 130, said)
  t.match(said, /interrupted by SIGINT/)
  t.notMatch(said, /a bug/)
  t.same(halfMade(cache), [])
})
