// VMs that outlive their run, with VMs of this process: how they are stopped, and what is left when the last has ended.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import t, { type Test } from 'tap'
import { NslabError } from '../../../src/base/errors.ts'
import { KeptVms } from '../../../src/lab/keep/vms.ts'
import { LabClient } from '../../../src/lab/visit/client.ts'
import type { VmSegment } from '../../../src/vm/segment-types.ts'
import type { RunningVm, VmEnd } from '../../../src/vm/spec.ts'
import { agentHere } from '../../fixtures/agent.ts'
import { RUN_ID, runWith, vmFacts } from '../../fixtures/lab-here.ts'

/** A VM that ends as it is told, or as the test says. */
class FakeVm {
  readonly ended: Promise<VmEnd>
  readonly pid: number
  readonly nics: ReadonlyMap<number, never>
  readonly name: string
  /** What was done to it. */
  readonly deeds: string[] = []
  #end: (end: VmEnd) => void = () => {}

  constructor(name: string, pid: number, nicsCount: number) {
    this.name = name
    this.pid = pid
    this.nics = new Map(Array.from({ length: nicsCount }, (_, at) => [at, undefined as never]))
    this.ended = new Promise(resolve => {
      this.#end = resolve
    })
  }

  end(kind: VmEnd['kind'], words: string): Promise<VmEnd> {
    this.#end({ kind, words } as VmEnd)
    return this.ended
  }

  kill(): Promise<VmEnd> {
    this.deeds.push('kill')
    return this.end('killed', 'was switched off')
  }

  async powerdown(ask: () => void, deadlineMs: number): Promise<VmEnd> {
    this.deeds.push(`powerdown ${deadlineMs}`)
    ask()
    return this.ended
  }
}

interface Kept {
  readonly kept: KeptVms
  readonly vms: readonly FakeVm[]
  /** What was done to each guest. */
  readonly guests: readonly { readonly deeds: string[] }[]
  readonly path: string
  readonly told: string[]
  connect(): Promise<LabClient>
}

async function keep(t: Test, names: readonly string[]): Promise<Kept> {
  const told: string[] = []
  const vms = names.map((name, at) => new FakeVm(name, 100 + at, at))
  const agents = await Promise.all(vms.map(() => agentHere(t)))
  for (const { channel } of agents) await channel.begin(10)
  const segment = { pids: [900], close: async () => void told.push('segment closed') } as unknown as VmSegment
  const kept = new KeptVms({
    vms: vms.map((vm, at) => ({
      vm: vm as unknown as RunningVm,
      lab: {
        facts: { ...vmFacts(vm.name), kept: true },
        channel: (agents[at] as (typeof agents)[0]).channel,
        shell: new PassThrough(),
      },
    })),
    segment,
    runId: RUN_ID,
    deadlineS: 3,
  })
  const path = join(t.testdir(), 'lab.sock')
  await kept.serve(path, () => told.push('over'))
  t.teardown(() => kept.stop(null, true))
  const connect = (): Promise<LabClient> => LabClient.connect(runWith(path, path))
  return { kept, vms, guests: agents.map(({ machine }) => machine), path, told, connect }
}

t.test('what is kept is counted: processes, and descriptors of the process that keeps', async t => {
  const { kept } = await keep(t, ['vm1', 'vm2', 'vm3'])
  t.same(kept.names, ['vm1', 'vm2', 'vm3'])
  t.same(kept.objects, { pids: [100, 101, 102, 900], descriptors: { socket: 4 + 5 + 6 + 4 } })
})

t.test('one VM is stopped in order by its guest; when the last has ended, nothing is left', async t => {
  const { kept, vms, guests, path, told, connect } = await keep(t, ['vm1', 'vm2'])
  const [vm1, vm2] = vms as [FakeVm, FakeVm]
  const client = await connect()
  const stopped = client.call('stop', { vm: 'vm1', at_once: false })
  while (guests[0]?.deeds.length === 0) await client.call('vms', {})
  t.same(guests[0]?.deeds, ['power off'])
  void vm1.end('guest_shutdown', 'switched itself off')
  t.same(await stopped, [])
  t.same(vm1.deeds, ['powerdown 3000'])
  t.match(await client.call('vms', {}), [{ name: 'vm2', kept: true }])
  t.same([vm2.deeds, told], [[], []])
  await t.rejects(client.call('stop', { vm: 'vm1', at_once: false }), { code: 'USAGE' })

  void vm2.end('guest_panic', 'panicked')
  await kept.ended
  t.same(told, ['segment closed', 'over'])
  t.notOk(existsSync(path))
})

t.test('a guest that does not switch itself off is named', async t => {
  const { kept, vms } = await keep(t, ['vm1'])
  const stopped = kept.stop(null, false)
  void vms[0]?.end('powerdown_deadline', 'did not switch itself off within 3 s')
  t.same(await stopped, ['vm1 did not switch itself off within 3 s'])
  await kept.ended
})

t.test('at once: without a word to the guests, and all of them', async t => {
  const { kept, vms, guests } = await keep(t, ['vm1', 'vm2'])
  t.same(await kept.stop(null, true), [])
  t.same(
    [vms.map(vm => vm.deeds), guests.map(guest => guest.deeds)],
    [
      [['kill'], ['kill']],
      [[], []],
    ],
  )
  await kept.ended
  t.same(await kept.stop(null, true), [], 'again is nothing')
})

t.test('nodes are there no more, and clients lose the socket with the last VM', async t => {
  const { kept, vms, guests, connect } = await keep(t, ['vm1'])
  const client = await connect()
  const io = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  await t.rejects(client.exec({ node_id: 1 }, ['true'], io), { code: 'USAGE', message: /fleets have ended/ })
  const stopped = kept.stop('vm1', false)
  while (guests[0]?.deeds.length === 0) await new Promise(resolve => setImmediate(resolve))
  void vms[0]?.end('guest_shutdown', 'switched itself off')
  t.same(await stopped, [])
  await kept.ended
  await t.rejects(client.call('vms', {}), { code: 'PROCESS_ENDED' })
})

t.test('VMs that can not be served say why, and end when told', async t => {
  const vm = new FakeVm('vm1', 1, 0)
  const { channel } = await agentHere(t)
  await channel.begin(10)
  const lab = { facts: vmFacts('vm1'), channel, shell: new PassThrough() }
  const kept = new KeptVms({
    vms: [{ vm: vm as unknown as RunningVm, lab }],
    segment: null,
    runId: RUN_ID,
    deadlineS: 1,
  })
  const told: string[] = []
  const refused = await kept.serve('/proc/none/lab.sock', () => told.push('over')).catch((error: unknown) => error)
  t.ok(refused instanceof NslabError)
  t.match(refused, { code: 'DISK_REFUSED' })
  await kept.stop(null, true)
  await kept.ended
  t.same(told, ['over'])
})
