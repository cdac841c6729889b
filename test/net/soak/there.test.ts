// What the soak program lists before churn makes any namespace, of a kernel's own.

import { readdirSync, readlinkSync } from 'node:fs'
import t from 'tap'
import { lookThere } from '../../../src/lab/soak/there.ts'
import { startHolder } from '../../fixtures/netns-holder.ts'

/** Namespaces that this process holds open. */
function heldHere(): string[] {
  return readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      return target.startsWith('net:') ? [target] : []
    } catch {
      return []
    }
  })
}

t.test('lists every kind of namespace that is there, and holds none', async t => {
  const holder = await startHolder(t)
  const made = await Promise.all([
    holder.make('a', 'process'),
    holder.make('b', 'thread'),
    holder.make('c', 'descriptor'),
    holder.make('d', 'socket'),
  ])
  const before = heldHere()
  const line = await lookThere(() => 7)
  t.match(line, { is: 'there', t_s: 7 })
  const cookies = line.is === 'there' ? line.cookies : []
  for (const { cookie } of made) t.ok(cookies.includes(cookie))
  t.equal(new Set(cookies).size, cookies.length)
  t.same(heldHere(), before)
  await holder.drop('b')
  const later = await lookThere(() => 8)
  t.ok(later.is === 'there' && !later.cookies.includes(made[1].cookie))
  t.ok(later.is === 'there' && later.cookies.includes(made[3].cookie))
})
