// What failures lead to: a table of them, without kernel or sockets. The same on the real kernel:
// test/net/fleet/recovery.

import t from 'tap'
import type { Clock } from '../../src/base/clock.ts'
import { Random } from '../../src/base/random.ts'
import { Alarms } from '../../src/dataplane/alarms.ts'
import { FleetNode } from '../../src/dataplane/fleet-node.ts'
import { CONTROLLER_PATIENCE_MS, NODE_TRIES, RETRY_LONGEST_MS } from '../../src/dataplane/limits.ts'
import type { Membership } from '../../src/dataplane/membership.ts'
import { type AgentEffects, type AgentTraffic, NodeAgent } from '../../src/dataplane/node-agent.ts'
import { Recovery, type RecoveryOptions } from '../../src/dataplane/recovery.ts'
import type { Fabric, NodeSpec } from '../../src/native/fabric.ts'
import type { LinkChange } from '../../src/native/links.ts'

const SHARD_NODES = 2

/** Three nodes, two of them in one /22, and a line for each thing done. */
function setUp(t: { teardown(fn: () => void): unknown }, changes: Partial<RecoveryOptions> = {}) {
  const did: string[] = []
  let nowMs = 0
  let rebuildError: Error | null = null
  const clock: Clock = { nowNs: () => BigInt(nowMs) * 1_000_000n, wallDate: () => new Date(0) }
  const alarms = new Alarms<FleetNode>(clock, () => {})
  const nodes = [1, 2, 3].map((nodeId, index) => {
    const spec = { nodeId, bridge: Math.floor(index / SHARD_NODES) } as NodeSpec
    const identity = { nodeId, address: '', port: 1, privateNetworkName: '' }
    return new FleetNode(index, spec, 1, new NodeAgent(identity, {} as AgentEffects, {} as AgentTraffic))
  })
  const fabric = {
    rebuildNode: async (index: number) => {
      did.push(`rebuild ${index}`)
      if (rebuildError !== null) throw rebuildError
    },
  } as unknown as Fabric
  const recovery = new Recovery(
    {
      nodes,
      fabric,
      alarms,
      clock,
      random: new Random(1),
      onNodeDeath: 'restart',
      controllerOnLink: true,
      ...changes,
    },
    {
      lost: (node, reason) => did.push(`lost ${node.nodeId} ${reason}`),
      restarted: node => did.push(`restarted ${node.nodeId}`),
      linkRefused: event => did.push(`refused ${event.nodeId}`),
      token: event => did.push(`token ${event.nodeId}`),
      fatal: error => did.push(`fatal ${error.code}`),
    },
  )
  recovery.attach({
    drop: (node: FleetNode, stage: FleetNode['stage']) => {
      node.stage = stage
    },
    enqueue: (node: FleetNode) => {
      node.stage = 'waiting'
      did.push(`enqueue ${node.nodeId}`)
    },
    deadline: (node: FleetNode) => did.push(`deadline ${node.nodeId}`),
  } as unknown as Membership)
  t.teardown(() => recovery.close())
  return {
    recovery,
    alarms,
    node: (id: number) => nodes[id - 1] as FleetNode,
    done: () => did.splice(0),
    settle: () => new Promise(resolve => setImmediate(resolve)),
    pass: (ms: number) => {
      nowMs += ms
    },
    failRebuilds: (error: Error | null) => {
      rebuildError = error
    },
  }
}

const errno = (code: string): Error => Object.assign(new Error(code), { code })
const event = (kind: LinkChange['kind'], nodeId: number, peerId: number, reason: string): LinkChange => ({
  kind,
  nodeId,
  peerId,
  reason,
  atNs: 1n,
})

t.test('a controller that is not there is tried again, a broken namespace is made again', async t => {
  const cases: [code: string, controllerOnLink: boolean, rebuilt: boolean][] = [
    ['ECONNREFUSED', true, false],
    ['ETIMEDOUT', true, false],
    ['EHOSTUNREACH', true, false],
    ['ENETUNREACH', true, true],
    ['ENETUNREACH', false, false],
    ['ENETDOWN', false, true],
    ['ENONET', false, true],
  ]
  for (const [code, controllerOnLink, rebuilt] of cases) {
    const { recovery, alarms, node, done, settle } = setUp(t, { controllerOnLink })
    node(1).stage = 'waiting'
    recovery.joinFailed(node(1), errno(code))
    await settle()
    t.strictSame(done(), rebuilt ? ['rebuild 0', 'restarted 1', 'enqueue 1'] : [], code)
    t.equal(alarms.size, rebuilt ? 0 : 1)
  }
})

t.test('pauses between tries grow to their longest', t => {
  const { recovery, alarms, node } = setUp(t)
  const pauses: number[] = []
  const set = alarms.set.bind(alarms)
  alarms.set = (item, delayMs) => {
    pauses.push(delayMs)
    set(item, delayMs)
  }
  for (let i = 0; i < 12; i++) recovery.joinFailed(node(1), errno('ECONNREFUSED'))
  t.ok((pauses[0] as number) < 200)
  t.ok((pauses[3] as number) > 4 * (pauses[0] as number))
  t.ok(pauses.every(ms => ms <= RETRY_LONGEST_MS * 1.5))
  t.ok((pauses[11] as number) >= RETRY_LONGEST_MS)
  t.end()
})

t.test('a controller that stays away costs the node in the end', t => {
  const { recovery, node, done, pass } = setUp(t)
  recovery.joinFailed(node(1), errno('ECONNREFUSED'))
  pass(CONTROLLER_PATIENCE_MS)
  recovery.joinFailed(node(1), errno('ECONNREFUSED'))
  t.strictSame(done(), [])
  pass(1)
  recovery.joinFailed(node(1), errno('ECONNREFUSED'))
  t.match(done(), [/^lost 1 the controller can't be reached/])
  t.end()
})

t.test('a refusal costs the node, but for those that pass', t => {
  const { recovery, node, done } = setUp(t)
  recovery.refused(node(1), 'ending', 'bye')
  recovery.refused(node(1), 'silent', 'too slow')
  t.strictSame(done(), [])
  recovery.refused(node(1), 'unknown_id', 'not in the plan')
  t.match(done(), [/^lost 1 .*unknown_id: not in the plan/])
  t.end()
})

t.test('the loss of every node is the end of the fleet', t => {
  const { recovery, node, done } = setUp(t)
  for (const id of [1, 2, 3]) recovery.refused(node(id), 'token_required', 'no token')
  t.equal(done().at(-1), 'fatal NODE_LOST')
  t.end()
})

t.test('a node that can not be made again is tried a few times and lost', async t => {
  const { recovery, node, done, settle, failRebuilds } = setUp(t)
  failRebuilds(errno('EEXIST'))
  node(1).stage = 'joined'
  recovery.died(node(1), 'link removed')
  await settle()
  for (let i = 1; i < NODE_TRIES; i++) {
    recovery.ring(node(1))
    await settle()
  }
  const lines = done()
  t.equal(lines.filter(line => line === 'rebuild 0').length, NODE_TRIES)
  t.match(lines.at(-1), /^lost 1 /)
})

t.test(
  'a node that is made again and again without becoming ready is lost, one that was ready starts anew',
  async t => {
    const { recovery, node, done, settle } = setUp(t)
    for (let i = 0; i < NODE_TRIES; i++) {
      node(1).stage = 'joined'
      recovery.died(node(1), 'link removed')
      await settle()
    }
    recovery.becameReady(node(1))
    node(1).stage = 'joined'
    recovery.died(node(1), 'link removed')
    await settle()
    t.notOk(done().some(line => line.startsWith('lost')))
    for (let i = 0; i < NODE_TRIES; i++) {
      node(1).stage = 'joined'
      recovery.died(node(1), 'link removed')
      await settle()
    }
    t.ok(done().some(line => line.startsWith('lost 1')))
  },
)

t.test('a death is told once, and not while the node is made again or after it was lost', t => {
  const { recovery, node, done } = setUp(t, { onNodeDeath: 'report' })
  for (const stage of ['rebuilding', 'lost', 'left'] as const) {
    node(1).stage = stage
    recovery.died(node(1), 'link removed')
  }
  t.strictSame(done(), [])
  node(1).stage = 'joined'
  recovery.died(node(1), 'link removed')
  recovery.died(node(1), 'namespace removed')
  t.strictSame(done(), ['lost 1 link removed'])
  t.end()
})

t.test('alarms mean what the stage says', t => {
  const { recovery, node, done } = setUp(t)
  node(1).stage = 'joining'
  node(2).stage = 'waiting'
  node(3).stage = 'lost'
  for (const id of [1, 2, 3]) recovery.ring(node(id))
  t.strictSame(done(), ['deadline 1', 'enqueue 2'])
  t.end()
})

t.test('dials that are refused by a peer of the fleet show that its listener is gone', async t => {
  const { recovery, node, done, settle } = setUp(t)
  for (const id of [1, 2, 3]) node(id).stage = 'joined'
  const refused = event('dial_failed', 1, 2, 'ECONNREFUSED')
  recovery.linkEvents([refused, refused])
  recovery.linkEvents([event('up', 2, 3, '')])
  recovery.linkEvents([refused, refused])
  await settle()
  t.strictSame(done(), [], 'a link that came up between them shows that it is there')
  recovery.linkEvents([refused])
  await settle()
  t.strictSame(done(), ['rebuild 1', 'restarted 2', 'enqueue 2'])
})

t.test('a dial that fails for want of a route is the own fault only on the own link', async t => {
  const { recovery, node, done, settle } = setUp(t)
  for (const id of [1, 2, 3]) node(id).stage = 'joined'
  recovery.linkEvents([event('dial_failed', 1, 3, 'ENETUNREACH'), event('dial_failed', 1, 9, 'ENETUNREACH')])
  recovery.linkEvents([event('dial_failed', 1, 2, 'ETIMEDOUT'), event('up', 77, 1, '')])
  await settle()
  t.strictSame(done(), [])
  recovery.linkEvents([event('dial_failed', 1, 2, 'ENETUNREACH')])
  await settle()
  t.strictSame(done(), ['rebuild 0', 'restarted 1', 'enqueue 1'])
})

t.test('refused links are told up to a limit and counted beyond', t => {
  const { recovery, done } = setUp(t)
  recovery.linkEvents(Array.from({ length: 250 }, () => event('refused', 1, 0, 'malformed')))
  t.equal(done().length, 100)
  t.equal(recovery.counts.linksRefused, 250)
  t.end()
})

t.test('events of an earlier listener say nothing', t => {
  const { recovery, node, done } = setUp(t)
  node(1).listeningSinceNs = 2n
  recovery.linkEvents([event('refused', 1, 0, 'malformed')])
  t.strictSame(done(), [])
  t.end()
})

t.test('a fleet that ends recovers nothing', async t => {
  const { recovery, alarms, node, done, settle } = setUp(t)
  recovery.joinFailed(node(1), errno('ECONNREFUSED'))
  recovery.close()
  node(2).stage = 'joined'
  recovery.died(node(2), 'link removed')
  recovery.joinFailed(node(2), errno('ECONNREFUSED'))
  recovery.parted(node(2), 'closed')
  recovery.refused(node(2), 'unknown_id', '')
  recovery.ring(node(1))
  recovery.linkEvents([event('refused', 1, 0, 'malformed')])
  await settle()
  t.strictSame([done(), alarms.size], [[], 0])
})
