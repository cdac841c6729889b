// nslab collect where there are more namespaces than descriptors: it collects from as many as it may, says so once,
// still answers, and sees what ends.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { askCollector, type Status } from '../../../src/dataplane/collector/control.ts'
import { Collecting } from '../../fixtures/collecting.ts'
import { isApart, startHolder, untilRemoved } from '../../fixtures/netns-holder.ts'

const LIMIT = 200
/** Of 200: half of what is left beside a reserve of 50, a descriptor and a socket for each. */
const COLLECTED = 50

function tests(): void {
  t.test('as many namespaces as descriptors allow are polled, and all of them are let go of', async t => {
    const holder = await startHolder(t)
    const made = []
    for (let at = 0; at < 110; at++) made.push(await holder.make(`${at}`, 'descriptor'))
    const control = join(t.testdir({}), 'c')
    const args = ['--interval', '50ms', '--discovery-interval', '12.5ms', '--control', control]
    const collecting = new Collecting(t, args, { prefix: ['prlimit', `--nofile=${LIMIT}`] })
    await collecting.says(/collecting/)
    const unopened = made.length + 1 - COLLECTED
    t.match(await collecting.line('blind'), { unopened_namespaces_count: unopened })
    const poll = await collecting.line('poll', ({ first_of, poll }) => first_of === null && poll > COLLECTED)
    t.match(poll, { namespaces_count: COLLECTED, incomplete_count: 0 })
    const status = async (): Promise<Status> => {
      const answer = await askCollector(control, { do: 'status' })
      if (answer.is !== 'status') throw new Error(answer.is)
      return answer.status
    }
    t.equal((await status()).namespaces_count, COLLECTED)
    t.ok(readdirSync(`/proc/${collecting.child.pid}/fd`).length <= LIMIT - 40, 'what looks around has room')

    for (const name of made.keys()) await holder.drop(`${name}`)
    for (const { netns } of collecting.all('netns').slice(1))
      await collecting.line('netns_gone', line => line.netns === netns)
    await Promise.all(made.map(untilRemoved))
    const later = await holder.make('later', 'descriptor')
    await collecting.line('poll', ({ first_of }) => first_of === later.cookie)
    await collecting.line('blind', line => line.unopened_namespaces_count === 0)
    collecting.child.kill('SIGHUP')
    t.same(await collecting.ended, { code: 0, signal: null }, collecting.stderr)
    t.equal(collecting.lines.at(-1)?.is, 'stop')
    const warned = collecting.stderr.split('\n').filter(line => line.includes('warning'))
    t.match(warned, [
      new RegExp(`: ${unopened} network namespaces can't be opened: EMFILE; raise the limit on open files`),
    ])
    t.equal(warned.length, 1, 'said once')
  })
}

if (isApart(fileURLToPath(import.meta.url))) tests()
