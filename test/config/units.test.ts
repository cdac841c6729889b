import t from 'tap'
import { parseDuration, parseRate, parseSize } from '../../src/config/units.ts'

t.test('durations are seconds', t => {
  for (const [text, seconds] of [
    ['2s', 2],
    ['500ms', 0.5],
    ['1.5 s', 1.5],
    ['1h30m', 5400],
    ['1h 30m 2s 5ms', 5402.005],
    ['12h', 43_200],
    ['2d', 172_800],
    ['0s', 0],
  ] as const)
    t.equal(parseDuration(text), seconds, text)
  t.end()
})

t.test('what is no duration is null', t => {
  for (const text of ['', ' ', '2', 's', '-2s', '2 seconds', '30m1h', '1s1s', '1e3s', '2s!'])
    t.equal(parseDuration(text), null, text)
  t.end()
})

t.test('sizes are bytes, decimal and binary', t => {
  for (const [text, bytes] of [
    ['5B', 5],
    ['600 kB', 600_000],
    ['1.5MB', 1_500_000],
    ['1GiB', 2 ** 30],
    ['2 KiB', 2048],
  ] as const)
    t.equal(parseSize(text), bytes, text)
  for (const text of ['', '5', '5 b', '-1B', '1 TB', 'MB']) t.equal(parseSize(text), null, text)
  t.end()
})

t.test('rates are bytes a second, written as tc has them', t => {
  for (const [text, bytes] of [
    ['8bit', 1],
    ['100kbit', 12_500],
    ['10mbit', 1_250_000],
    ['1gbit', 125_000_000],
    ['1.5 Gbit', 187_500_000],
    ['1tbit', 125_000_000_000],
    ['8Kibit', 1024],
    ['125kbps', 125_000],
    ['3bps', 3],
    ['1mibps', 1_048_576],
  ] as const)
    t.equal(parseRate(text), bytes, text)
  for (const text of ['', '5', '5 b', '-1bit', '1 kbyte', 'bit', '1e3bit']) t.equal(parseRate(text), null, text)
  t.end()
})
