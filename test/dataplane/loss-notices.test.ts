import t from 'tap'
import type { ControlConnection } from '../../src/dataplane/control-connection.ts'
import { FleetNode } from '../../src/dataplane/fleet-node.ts'
import { LossNotices } from '../../src/dataplane/loss-notices.ts'
import { type AgentEffects, type AgentTraffic, NodeAgent } from '../../src/dataplane/node-agent.ts'
import type { NodeSpec } from '../../src/native/fabric.ts'
import type { NodeMessage } from '../../src/protocol/messages.ts'

function fleet(count: number) {
  const sent: NodeMessage[] = []
  const nodes = Array.from({ length: count }, (_, index) => {
    const nodeId = index + 1
    const agent = new NodeAgent(
      { nodeId, address: '', port: 1, privateNetworkName: '' },
      {} as AgentEffects,
      {} as AgentTraffic,
    )
    const node = new FleetNode(index, { nodeId } as NodeSpec, 3, agent)
    node.stage = 'joined'
    node.greeted = true
    node.connection = { send: (message: NodeMessage) => sent.push(message) } as unknown as ControlConnection<FleetNode>
    return node
  })
  const notices = new LossNotices(nodes)
  const lose = (nodeId: number, reason = 'link down'): void => {
    const node = nodes[nodeId - 1] as FleetNode
    node.stage = 'lost'
    node.connection = null
    notices.tell(node, reason)
  }
  const told = async (): Promise<string[]> => {
    await new Promise(resolve => setImmediate(resolve))
    return sent.splice(0).map(message => {
      if (message.type !== 'NodeLost') throw new Error(message.type)
      return `${message.node_id}: ${message.lost_node_id}.${message.incarnation}`
    })
  }
  return { nodes, notices, sent, lose, told }
}

t.test('a loss is told by three others, far from each other', async t => {
  const { lose, told } = fleet(9)
  lose(1)
  t.same(await told(), ['2: 1.3', '6: 1.3', '9: 1.3'])
  t.same(await told(), [], 'once')
})

t.test('losses that come together are told by none of the lost', async t => {
  const { lose, told } = fleet(4)
  for (const id of [1, 2, 4]) lose(id)
  t.same(await told(), ['3: 1.3', '3: 2.3', '3: 4.3'])
  lose(3)
  t.same(await told(), [], 'nobody is left to tell it')
})

t.test('a node that the controller has never heard of is none to tell of', async t => {
  const { nodes, lose, told } = fleet(2)
  Object.assign(nodes[0] as FleetNode, { greeted: false })
  lose(1)
  t.same(await told(), [])
})

t.test('a reason is as long as the protocol takes, and a fleet that ends tells nothing', async t => {
  const { notices, sent, lose, told } = fleet(3)
  lose(1, 'x'.repeat(1000))
  await new Promise(resolve => setImmediate(resolve))
  t.match(sent.splice(0), [{ reason: /^x{255}$/ }, { reason: /^x{255}$/ }])
  lose(2)
  notices.close()
  t.same(await told(), [])
})
