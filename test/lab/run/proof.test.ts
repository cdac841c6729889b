// The run's part of a proof, with fleets that answer as the test has them answer.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Clock, systemClock } from '../../../src/base/clock.ts'
import { NslabError } from '../../../src/base/errors.ts'
import { RunContext } from '../../../src/lab/run/context.ts'
import { type ProvingFleet, proveWiring, tokenComesHome } from '../../../src/lab/run/proof.ts'
import { createRunFolder } from '../../../src/lab/run-folder/run-folder.ts'
import type { Plan } from '../../../src/plan.ts'
import type { Command, LinkEnd, Notice } from '../../../src/protocol/steering.ts'
import { ringRun } from '../../fixtures/run-folder.ts'

const NODES = 6

/** The system's clock, which can be put forward. */
function clockAhead(): Clock & { aheadS: number } {
  return {
    aheadS: 0,
    nowNs(): bigint {
      return systemClock.nowNs() + BigInt(Math.round(this.aheadS * 1e9))
    },
    wallDate: () => systemClock.wallDate(),
  }
}

function makeContext(t: Test, change: (plan: Plan) => Plan = plan => plan) {
  const base = mkdtempSync(join(tmpdir(), 'nslab-proof-'))
  const clock = clockAhead()
  const folder = createRunFolder({ base, scenario: 'ring', seed: 1, clock })
  t.teardown(() => {
    folder.close()
    rmSync(base, { recursive: true })
  })
  const { plan } = ringRun({ nodes: NODES })
  const [fleet] = plan.fleets as [Plan['fleets'][number]]
  const fleets = [0, 3].map(from => ({ ...fleet, host: `host${from}`, nodeIdOffset: from, nNodes: 3 }))
  const context = new RunContext({
    plan: change({ ...plan, fleets }),
    folder,
    clock,
    runId: 'a'.repeat(32),
    level: 'host',
    onProgress: () => {},
    onWarning: () => {},
  })
  const listings = (): { proof: number; host: string; more: boolean; ends: LinkEnd[] }[] => {
    folder.flush()
    const text = readFileSync(folder.file('links.ndjson'), 'utf8').trim()
    return text === '' ? [] : text.split('\n').map(line => JSON.parse(line))
  }
  return { context, clock, listings }
}

/** Both fleets, and what they were asked; `answer` is called a turn later, as over a channel. */
function fleetsThat(answer: (host: string, command: Command, tell: (notice: Notice) => void) => void) {
  const asked: string[] = []
  const fleets = ['host0', 'host3'].map((host): ProvingFleet => {
    const listeners = new Set<(notice: Notice) => void>()
    const tell = (notice: Notice): void => {
      for (const listener of [...listeners]) listener(notice)
    }
    return {
      host,
      program: {
        name: `dataplane of ${host}`,
        send: command => {
          asked.push(`${host} ${command.do}`)
          setImmediate(() => answer(host, command, tell))
        },
        onNotice: listener => {
          listeners.add(listener)
          return () => listeners.delete(listener)
        },
      },
    }
  })
  return { fleets, asked }
}

type Ask<D extends Command['do']> = Extract<Command, { do: D }>

const walking = ({ walk }: Ask<'walk'>): Notice => ({ is: 'walking', walk })
const noLinks = ({ proof }: Ask<'links'>): Notice => ({ is: 'links', proof, ends: [], more: false })

/** The token's hops up to `last`, as fleets tell of them: some of the second fleet's before the first's. */
function pass(context: RunContext, { walk, nodes_count }: Ask<'walk'>, last = nodes_count): void {
  const isEarly = (hops: number): boolean => hops >= 3 && hops < nodes_count
  const hops = Array.from({ length: last }, (_, index) => index + 1)
  for (const hop of [...hops.filter(isEarly), ...hops.filter(hop => !isEarly(hop))]) {
    const node_id = (hop % nodes_count) + 1
    context.see({ t_s: hop, from: 'dataplane', kind: 'token_passed', walk, node_id, from_id: hop, hops: hop })
  }
}

t.test('others hear of a walk before the fleet that starts it; then each lists its ends', async t => {
  const { context, listings } = makeContext(t)
  const end: LinkEnd = [1, 2, '172.16.8.2:8080', '172.16.8.3:40000']
  const { fleets, asked } = fleetsThat((host, command, tell) => {
    if (command.do === 'walk') {
      tell({ is: 'walking', walk: 77 })
      tell(walking(command))
      if (host === 'host0') pass(context, command)
    } else if (command.do === 'links') {
      tell({ is: 'links', proof: 77, ends: [end], more: false })
      if (host === 'host0') tell({ is: 'links', proof: command.proof, ends: [end, end], more: true })
      tell({ is: 'links', proof: command.proof, ends: [end], more: false })
    }
  })
  const kinds: string[] = []
  context.watch(event => kinds.push(event.kind))
  await proveWiring(context, fleets)
  t.same(asked, ['host3 walk', 'host0 walk', 'host0 links', 'host3 links'])
  t.equal(kinds[0], 'proof_started')
  t.match(listings(), [
    { proof: 1, host: 'host0', more: true, ends: [end, end] },
    { proof: 1, host: 'host0', more: false, ends: [end] },
    { proof: 1, host: 'host3', more: false, ends: [end] },
  ])
  await proveWiring(context, fleets)
  t.same(
    listings().map(({ proof }) => proof),
    [1, 1, 1, 2, 2, 2],
    'again, with another number',
  )
})

t.test('a token that gets stuck is sent again', async t => {
  const { context, listings } = makeContext(t)
  const { fleets, asked } = fleetsThat((host, command, tell) => {
    if (command.do === 'links') tell(noLinks(command))
    if (command.do !== 'walk') return
    tell(walking(command))
    if (host !== 'host0') return
    pass(context, command, command.walk === 1 ? 3 : NODES)
    const stuck = { node_id: 4, peer_id: 5, hops: 4, reason: 'no_link' }
    if (command.walk === 1)
      context.see({ t_s: 1, from: 'dataplane', kind: 'token_stuck', walk: command.walk, ...stuck })
  })
  await proveWiring(context, fleets)
  t.equal(asked.filter(question => question === 'host0 walk').length, 2)
  t.same(
    listings().map(({ proof }) => proof),
    [2, 2],
  )
})

t.test('a token that is lost is sent again', async t => {
  const { context } = makeContext(t)
  const { fleets, asked } = fleetsThat((host, command, tell) => {
    if (command.do === 'links') tell(noLinks(command))
    if (command.do !== 'walk') return
    tell(walking(command))
    if (host === 'host0') pass(context, command, command.walk === 1 ? 3 : NODES)
  })
  await proveWiring(context, fleets)
  t.equal(asked.filter(question => question === 'host0 walk').length, 2)
})

t.test('the deadline says where the token was seen last, and why it went no further', async t => {
  const { context, clock } = makeContext(t)
  const { fleets } = fleetsThat((host, command, tell) => {
    if (command.do !== 'walk') return
    tell(walking(command))
    if (host !== 'host0') return
    pass(context, command, 3)
    const stuck = { node_id: 4, peer_id: 5, hops: 4, reason: 'no_link' }
    context.see({ t_s: 1, from: 'dataplane', kind: 'token_stuck', walk: command.walk, ...stuck })
    clock.aheadS = 3600
  })
  await t.rejects(proveWiring(context, fleets), {
    code: 'DEADLINE',
    facts: {
      waitingFor: "a token's way through all 6 nodes",
      missing: 'it was last seen at node 4, after 3 hops; node 4 could not hand it to node 5 (no_link)',
    },
  })
})

t.test('a token that nobody was handed, and a fleet that does not answer, are named at the deadline', async t => {
  const cases = [
    { silent: 'token', missing: 'nobody was handed it by node 1' },
    { silent: 'walk', missing: 'dataplane of host3' },
    { silent: 'links', missing: 'dataplane of host3' },
  ]
  for (const { silent, missing } of cases) {
    const { context, clock } = makeContext(t)
    context.watch(event => {
      // All but half a second of the 10.06 s is over.
      if (event.kind === 'proof_started') clock.aheadS = 9.56
    })
    const { fleets } = fleetsThat((host, command, tell) => {
      if (command.do === silent && host === 'host3') return
      if (command.do === 'links') tell(noLinks(command))
      if (command.do !== 'walk') return
      tell(walking(command))
      if (host === 'host0' && silent !== 'token') pass(context, command)
    })
    await t.rejects(proveWiring(context, fleets), { code: 'DEADLINE', facts: { missing } }, silent)
  }
})

t.test('whether one token comes home is asked once, with a limit', async t => {
  const { context } = makeContext(t)
  let isCut = true
  const { fleets, asked } = fleetsThat((host, command, tell) => {
    if (command.do !== 'walk') return
    tell(walking(command))
    if (host === 'host0') pass(context, command, isCut ? 2 : NODES)
  })
  t.equal(await tokenComesHome(context, fleets, 0.05), false)
  isCut = false
  t.equal(await tokenComesHome(context, fleets, 10), true)
  t.equal(asked.length, 4)
})

t.test('where the topology is no ring, links are listed and no token walks', async t => {
  const { context, listings } = makeContext(t, plan => ({
    ...plan,
    topology: { ...plan.topology, name: 'line', edges: plan.topology.edges.slice(1) },
  }))
  const { fleets, asked } = fleetsThat((_host, command, tell) => {
    if (command.do === 'links') tell(noLinks(command))
  })
  await proveWiring(context, fleets)
  t.same(asked, ['host0 links', 'host3 links'])
  t.equal(listings().length, 2)
  t.equal(await tokenComesHome(context, fleets, 1), null)
})

t.test('an abort ends a proof', async t => {
  const { context } = makeContext(t)
  const { fleets } = fleetsThat((_host, command, tell) => {
    if (command.do === 'walk') tell(walking(command))
    context.abort(new NslabError('INTERRUPTED', { signal: 'SIGINT' }))
  })
  await t.rejects(proveWiring(context, fleets), { code: 'INTERRUPTED' })
})
