import t from 'tap'
import { heldMemoryNoise } from '../../src/judge/noise.ts'
import { historyOf, ringRun } from '../fixtures/run-folder.ts'

t.test('noise is half of what memory moved by during hold, and nothing outside it counts', async t => {
  const history = historyOf(ringRun())
  const hold = history.events.find(event => event.kind === 'phase_started' && event.phase === 'hold')?.t_s ?? 0
  const available = [9e9, 5000, 5000, 7000, 5000, 9e9]
  const samples = available.map((memory_available_bytes, index) => ({
    ...history.samples[0],
    t_s: hold + (index - 0.5) * 0.45,
    memory_available_bytes,
  })) as typeof history.samples
  t.equal(heldMemoryNoise({ ...history, samples }), 1000)
})

t.test('noise is unknown without a hold, or with too few samples in it', async t => {
  const history = historyOf(ringRun())
  t.equal(heldMemoryNoise({ ...history, events: [] }), null)
  t.equal(heldMemoryNoise({ ...history, samples: [] }), null)
})

t.test('of several kernels the noise adds up, and this machine beside guests has no part in it', async t => {
  const history = historyOf(ringRun())
  const hold = history.events.find(event => event.kind === 'phase_started' && event.phase === 'hold')?.t_s ?? 0
  const swings = { local: 9e6, vm1: 400, vm2: 600 }
  const samples = Object.entries(swings).flatMap(([site, swing]) =>
    [0, swing, 0].map((used, index) => ({
      ...history.samples[0],
      site,
      t_s: hold + index * 0.3,
      memory_available_bytes: 1e9 - used,
    })),
  ) as typeof history.samples
  t.equal(heldMemoryNoise({ ...history, samples }), 500)
  const fewer = samples.filter(sample => sample.site !== 'vm2' || sample.t_s > hold)
  t.equal(heldMemoryNoise({ ...history, samples: fewer }), null, 'one of them is not known')
})
