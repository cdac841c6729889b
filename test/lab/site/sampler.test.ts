// The sampler, on this machine itself.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import t from 'tap'
import { countDescriptors, pauseMs, startSampler } from '../../../src/lab/site/sampler.ts'
import type { Sample } from '../../../src/protocol/sample.ts'
import { fixedClock } from '../../fixtures/lab/clock.ts'

const options = { clock: fixedClock(4_500_000_000n), originNs: 500_000_000n }

t.test('a sample has the machine and every process asked for', async t => {
  const samples: Sample[] = []
  const sampler = startSampler({
    ...options,
    intervalMs: 60_000,
    processes: () => [{ name: 'self', pid: process.pid }],
    onSample: sample => samples.push(sample),
  })
  t.teardown(() => sampler.stop())
  t.equal(samples.length, 1, 'the first one is taken at once')
  const sample = sampler.sampleNow()
  t.equal(samples[1], sample)
  t.equal(sample.t_s, 4)
  t.ok(sample.memory_available_bytes > 0 && sample.memory_available_bytes < sample.memory_total_bytes)
  t.ok((sample.cpu?.total_s ?? 0) > 0 && (sample.cpu?.steal_s ?? -1) >= 0)
  const [first] = samples
  t.ok(first?.kernel_namespaces_count === null || (first?.kernel_namespaces_count ?? 0) > 0)
  t.equal(sample.kernel_namespaces_count, null, 'namespaces are not counted twice in one second')
  const [own] = sample.processes
  t.match(own, { name: 'self', pid: process.pid })
  t.ok((own?.own_bytes ?? 0) > 1e6 && (own?.own_bytes ?? 0) < (own?.rss_bytes ?? 0))
  t.ok((own?.rss_bytes ?? 0) > 1e6 && (own?.threads_count ?? 0) > 1 && (own?.cpu_s ?? 0) > 0)
})

t.test('who waits for a processor is told, where it is asked', async t => {
  const waiting = Array.from({ length: 2 }, () => spawn('taskset', ['-c', '0', 'sh', '-c', 'while :; do :; done']))
  t.teardown(() => waiting.map(child => child.kill('SIGKILL')))
  const sampler = startSampler({
    ...options,
    intervalMs: 60_000,
    processes: () => waiting.map(({ pid }) => ({ name: 'busy', pid: pid as number, waits: true })),
    onSample: () => {},
  })
  t.teardown(() => sampler.stop())
  await new Promise(resolve => setTimeout(resolve, 1500))
  for (const { waited_s = 0, cpu_s } of sampler.sampleNow().processes)
    t.ok(waited_s > 0.1, `two share one processor: waited ${waited_s} s beside ${cpu_s} s`)
  t.equal(startedSample()?.processes[0]?.waited_s, undefined)
})

/** One sample of this process. */
function startedSample(): Sample | undefined {
  const samples: Sample[] = []
  const processes = () => [{ name: 'self', pid: process.pid }]
  startSampler({ ...options, intervalMs: 60_000, processes, onSample: sample => samples.push(sample) }).stop()
  return samples[0]
}

t.test('descriptors are counted', async t => {
  const before = countDescriptors(process.pid)
  const fd = openSync('/dev/null', 'r')
  t.equal(countDescriptors(process.pid), before + 1)
  closeSync(fd)
  t.equal(countDescriptors(2 ** 22 + 1), 0)
})

t.test('a process that ends is left out from then on', async t => {
  const child = spawn('sleep', ['60'])
  t.teardown(() => child.kill('SIGKILL'))
  const sampler = startSampler({
    ...options,
    intervalMs: 60_000,
    processes: () => [{ name: 'child', pid: child.pid as number }],
    onSample: () => {},
  })
  t.equal(sampler.sampleNow().processes.length, 1)
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.same(sampler.sampleNow().processes, [])
  sampler.stop()
})

t.test('what is counted with a process is added to it', async t => {
  const child = spawn('sleep', ['60'])
  t.teardown(() => child.kill('SIGKILL'))
  const own = { name: 'self', pid: process.pid }
  const sampler = startSampler({
    ...options,
    intervalMs: 60_000,
    processes: () => [{ ...own, others: [child.pid as number, 2 ** 22 + 1] }, own],
    onSample: () => {},
  })
  t.teardown(() => sampler.stop())
  const [both, one] = sampler.sampleNow().processes
  t.match(both, own)
  t.equal((both?.threads_count ?? 0) - (one?.threads_count ?? 0), 1)
  t.ok((both?.rss_bytes ?? 0) > (one?.rss_bytes ?? 0))
  t.ok((both?.descriptors_count ?? 0) > (one?.descriptors_count ?? 0))
})

t.test('samples come by the timer until it is stopped', async t => {
  let stop = (): void => {}
  let count = 0
  await new Promise<void>(resolve => {
    const sampler = startSampler({
      ...options,
      intervalMs: 1,
      processes: () => [],
      onSample: () => {
        count += 1
        if (count === 3) resolve()
      },
    })
    stop = () => sampler.stop()
    const keepAlive = setInterval(() => {}, 1000)
    t.teardown(() => clearInterval(keepAlive))
  })
  stop()
  stop()
  t.equal(count, 3)
})

t.test('samples that cost much come more rarely, and never stop', async t => {
  t.equal(pauseMs(250, 0.3), 250, 'on a machine of its own')
  t.equal(pauseMs(250, 40), 800, 'in an emulated guest: a twentieth of its processor')
  t.equal(pauseMs(250, 5000), 2000)
})

t.test(
  'the last sample is taken when the kernel has freed what there was more than at first, or after its limit',
  async t => {
    const counts = [10, 300, 300, 200, 74]
    const samples: Sample[] = []
    const sampler = startSampler({
      ...options,
      intervalMs: 60_000,
      processes: () => [],
      onSample: sample => samples.push(sample),
      countNamespaces: () => counts.shift() ?? 500,
    })
    t.teardown(() => sampler.stop())
    await sampler.sampleSettled(60_000)
    t.same(
      samples.map(sample => sample.kernel_namespaces_count),
      [10, 74],
    )
    await sampler.sampleSettled(300)
    t.equal(samples.at(-1)?.kernel_namespaces_count, 500)
  },
)

t.test('who gets a sample may stop the sampler', async t => {
  let count = 0
  const keepAlive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(keepAlive))
  await new Promise<void>(resolve => {
    const sampler = startSampler({
      ...options,
      intervalMs: 1,
      processes: () => [],
      onSample: () => {
        count += 1
        if (count < 2) return
        sampler.stop()
        resolve()
      },
    })
  })
  await new Promise(resolve => setTimeout(resolve, 50))
  t.equal(count, 2)
})
