import t from 'tap'
import { bitRate, shapeText } from '../../src/report/link-shape.ts'

t.test('a shape in the units that it is set in', t => {
  t.equal(shapeText({}), 'as it comes: no rate, no delay, no loss')
  t.equal(
    shapeText({ rate: 1_250_000, bucket_size: 15_000, delay_s: 0.02, jitter_s: 0.002, loss_ratio: 0.001 }),
    '10 Mbit/s, burst 15 kB, delay 20 ms ± 2 ms, loss 0.1 %',
  )
  t.equal(shapeText({ jitter_s: 0.002, delay_s: 0, loss_ratio: 0 }), 'delay 0 s ± 2 ms')
  t.equal(
    shapeText({ queue_packets: 1000, duplicate_ratio: 0.5, corrupt_ratio: 1e-7, reorder_ratio: 1 }),
    'queue 1,000 packets, duplicates 50 %, corrupted 0.00001 %, reordered 100 %',
  )
  t.end()
})

t.test('rates in bits', t => {
  t.same([1, 125, 12_500, 125_000_000, 1.25e11, 1.25e15].map(bitRate), [
    '8 bit/s',
    '1 kbit/s',
    '100 kbit/s',
    '1 Gbit/s',
    '1 Tbit/s',
    '10000 Tbit/s',
  ])
  t.end()
})
