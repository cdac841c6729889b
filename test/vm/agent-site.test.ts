// A microVM's site without the VM: the agent is a process of this machine, so its fabric is real.

import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { parseScenario } from '../../src/config/scenario.ts'
import { makePlan, planToJson } from '../../src/lab/plan/plan.ts'
import { readStat } from '../../src/lab/proc/proc.ts'
import { Program } from '../../src/lab/run/program.ts'
import type { SiteProcess } from '../../src/lab/site/site.ts'
import { VmSite } from '../../src/lab/vm/site.ts'
import type { RunEvent } from '../../src/protocol/events.ts'
import type { Sample } from '../../src/protocol/sample.ts'
import type { GuestChannelOptions } from '../../src/vm/guest-channel.ts'
import { GuestClock } from '../../src/vm/guest-clock.ts'
import type { StartRequest } from '../../src/vm/site-calls.ts'
import { agentProcess } from '../fixtures/agent.ts'

const NODES = 5
const text = `
name = "x"
[controller]
topology = { type = "ring", ring_config = { n_nodes = ${NODES} } }
`
const plan = makePlan(parseScenario(text, 'x.toml', [], () => ''))
const host = plan.hosts[0]?.name as string

interface Seen {
  readonly events: RunEvent[]
  readonly deeds: string[]
  output: string
  released: number
}

/** A site over an agent whose clock says that it started `aheadS` earlier than this machine's. */
async function openSite(t: Test, aheadS = 0, channelOptions: Partial<GuestChannelOptions> = {}) {
  const { channel, child, folder } = await agentProcess(t, { vm: 'vm1', ...channelOptions })
  const planPath = join(t.testdir({}), 'plan.json')
  writeFileSync(planPath, planToJson(plan))
  const aheadNs = BigInt(aheadS * 1e9)
  // The agent's own clock is this machine's; told apart, so that a time that is not converted shows.
  const ask = async () => BigInt((await channel.call('clock', {})).monotonic_ns)
  const shifted = { nowNs: () => systemClock.nowNs() + aheadNs, wallDate: systemClock.wallDate }
  const seen: Seen = { events: [], deeds: [], output: '', released: 0 }
  const guestClock = new GuestClock(ask, shifted)
  await guestClock.measure()
  guestClock.start(0.5)
  t.teardown(() => guestClock.stop())
  const originNs = shifted.nowNs()
  const site = await VmSite.open({
    channel,
    guestClock,
    clock: shifted,
    runId: 'ab'.repeat(16),
    originNs,
    planPath,
    console: () => ({
      onText: said => {
        seen.output += said
      },
      lastWords: () => seen.output,
      release: () => {
        seen.released += 1
      },
    }),
    scale: 1,
    onEvent: event => seen.events.push(event),
    onDeed: (state, op) => seen.deeds.push(`${op} ${state}`),
  })
  const nowS = (): number => Number(shifted.nowNs() - originNs) / 1e9
  return { site, channel, child, folder, seen, nowS }
}

t.test('a whole run over a channel: counted, rooted, wired, sampled, measured, ended, and nothing left', async t => {
  const { site, seen, nowS, folder } = await openSite(t, 1000)
  t.equal(site.name, 'vm1')
  const before = await site.baseline({ neighbours_count: 0, interfaces: [], nodes_count: NODES })
  t.ok(before.memory_bytes > 0)
  const root = await site.createRoot({ host, uplink: null })
  t.match(root, { cookie: /^\d+$/, inode: /^\d+$/ })

  const events: RunEvent[] = []
  const failures: unknown[] = []
  let onWired = (): void => {}
  const wired = new Promise<void>(resolve => {
    onWired = resolve
  })
  const start = async (program: StartRequest['program'], args: readonly string[]): Promise<Program> =>
    new Program({
      name: program,
      process: await site.start({ program, host, args }),
      onEvent: event => {
        events.push({ ...event, t_s: site.toRunS(event.t_s) })
        if (event.kind === 'all_wired') onWired()
      },
      onFailure: error => failures.push(error),
    })
  const controller = await start('controller', [])
  const dataplane = await start('dataplane', ['--fleet', '0'])
  await Promise.all([controller.ready, dataplane.ready])
  const samples: Sample[] = []
  await site.sampleEvery(3600, sample => samples.push(sample))
  dataplane.send({ do: 'build' })
  await wired
  await site.sampleNow()
  const costs = await site.measure()
  t.match(costs.programs, [
    { program: 'controller', host, threads_count: Number },
    { program: 'dataplane', host, threads_count: Number },
  ])
  await site.observe()
  t.equal((await dataplane.stop(10))?.remaining.length, 0)
  t.ok(await controller.stop(10))
  t.same(failures, [])
  await site.closeRoot(host)
  const cookies = events.flatMap(event =>
    event.kind === 'node_up' ? [[event.netns_inode, event.netns_cookie] as const] : [],
  )
  t.equal(cookies.length, NODES)
  const difference = await site.verify({ cookies: [...cookies, [Number(root.inode), root.cookie]] })
  t.same(difference.residue, [])
  t.ok(difference.cleanup_wait_s !== null)

  const times = [...events.map(event => event.t_s), ...samples.map(sample => sample.t_s)]
  t.ok(
    times.every(time => time >= -0.01 && time <= nowS() + 0.01),
    "all times are on the run's axis",
  )
  t.ok(site.clockErrorS > 0 && site.clockErrorS < 0.05, `${site.clockErrorS} s`)
  t.equal(samples.length, 2)
  t.ok(samples[1]?.processes.some(({ name }) => name === 'agent'))
  t.ok(samples[1]?.processes.some(({ name }) => name === 'dataplane'))
  t.equal(readFileSync(join(folder, 'plan.json'), 'utf8'), planToJson(plan))
  await site.end()
  await site.end()
  t.equal(seen.released, 2, 'both consoles were given back')
})

/** A program whose channel is open, in a root of its own. */
async function startDataplane(site: VmSite): Promise<SiteProcess> {
  await site.createRoot({ host, uplink: null })
  return site.start({ program: 'dataplane', host, args: ['--fleet', '0'] })
}

t.test('a program that is killed, and one that fails by itself, tell how and what they said', async t => {
  const { site, seen } = await openSite(t)
  const killed = await startDataplane(site)
  t.ok(killed.pid > 0)
  killed.stream.resume()
  killed.kill()
  t.match(await killed.exited, { status: 'killed by SIGKILL', code: null })
  const wrong = await site.start({ program: 'dataplane', host, args: ['--no-such-flag'] })
  wrong.stream.resume()
  t.match(await wrong.exited, { status: 'exit 2', code: 2 })
  t.match(wrong.lastWords(), /no-such-flag/)
  t.match(seen.output, /no-such-flag/)
  await site.end()
})

t.test('what is asked of a host without a root is refused as what it is: a bug', async t => {
  const { site } = await openSite(t)
  await t.rejects(site.start({ program: 'dataplane', host, args: [] }), /no fabric root/)
  await site.end()
})

t.test("a runner that closes a program's channel has told it to stop", async t => {
  const { site } = await openSite(t)
  const process = await startDataplane(site)
  process.stream.resume().end()
  t.match(await process.exited, { status: 'exit 0', code: 0 })
  await site.end()
})

t.test("an agent that dies takes its programs with it; everything under way tells the VM's end", async t => {
  const { site, child, channel } = await openSite(t)
  const process = await startDataplane(site)
  process.stream.resume()
  const closed = once(process.stream, 'close')
  const measured = site.measure()
  child.kill('SIGKILL')
  t.match(await process.exited, { code: null, status: /^vm1 / })
  await closed
  // It may have been answered a moment before.
  await measured.catch((error: unknown) => t.match(error, { code: 'GUEST_LOST' }))
  await t.rejects(site.observe(), { code: 'GUEST_LOST', facts: { vm: 'vm1' } })
  t.match(await channel.ended, { code: 'GUEST_LOST' })
  await site.end()
  while (readStat(process.pid) !== null && readStat(process.pid)?.state !== 'Z')
    await new Promise(resolve => setTimeout(resolve, 10))
  t.pass('the program has ended')
})

t.test('the end of a site ends what runs in it', async t => {
  const { site } = await openSite(t)
  const process = await startDataplane(site)
  process.stream.resume()
  await site.end()
  t.match(await process.exited, { status: 'killed by SIGKILL' })
})

t.test('an agent that hangs is silent', async t => {
  let onSilent = (_silentS: number): void => {}
  const silent = new Promise<number>(resolve => {
    onSilent = resolve
  })
  const { channel, child } = await openSite(t, 0, { silentAfterS: 3, onSilent: silentS => onSilent(silentS) })
  const alive = setInterval(() => {}, 1000)
  const stalled = channel.call('stall', {}, 600)
  stalled.catch(() => {})
  t.ok((await silent) >= 3)
  clearInterval(alive)
  child.kill('SIGKILL')
  await t.rejects(stalled, { code: 'GUEST_LOST' })
})
