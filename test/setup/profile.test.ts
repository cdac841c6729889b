// A profile counts when it is there: what clinic says of itself is no proof.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { proven } from '../../bench/profile/record.ts'

t.test('no page, nothing recorded, too little recorded: none of them is a profile', async t => {
  const out = t.testdir({})
  const page = join(out, 'controller.clinic-doctor.html')
  const prove = () => proven('doctor', 'controller', out, 'exit 0')
  t.throws(prove, /wrote no page .*exit 0/)
  writeFileSync(page, '')
  t.throws(prove, /wrote no page/)
  writeFileSync(page, '<html>')
  t.throws(prove, /recorded nothing of use \(0 bytes/)
  mkdirSync(join(out, 'controller.clinic-doctor/nested'), { recursive: true })
  writeFileSync(join(out, 'controller.clinic-doctor/events'), Buffer.alloc(10_000))
  t.throws(prove, /recorded nothing of use \(10000 bytes/)
  writeFileSync(join(out, 'controller.clinic-doctor/nested/more'), Buffer.alloc(10_000))
  t.equal(prove(), page)
})
