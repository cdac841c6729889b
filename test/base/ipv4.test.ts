import t from 'tap'
import { formatIpv4, parseIpv4 } from '../../src/base/ipv4.ts'
import { seededRounds } from '../fixtures/seeds.ts'

t.test('what is formatted is parsed back', t => {
  for (const random of seededRounds(t, 1000)) {
    const address = random.uint32()
    if (parseIpv4(formatIpv4(address)) !== address) t.fail(formatIpv4(address))
  }
  t.equal(formatIpv4(0xffff_ffff), '255.255.255.255')
  t.end()
})

t.test('what is not a dotted quad is null', t => {
  for (const text of ['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.-4', '1.2.3. 4', 'a.b.c.d', '1..3.4'])
    t.equal(parseIpv4(text), null, text)
  t.end()
})
