// A link end whose peer is gone without a word, while it closes in order: its namespace can be removed all the same.

import { Server, type Socket } from 'node:net'
import t from 'tap'
import { native } from '../../../src/native/addon.ts'
import { builtFabric, fabricRoot, ringSpec } from '../../fixtures/fabric.ts'
import { runInNetns } from '../../fixtures/in-netns.ts'
import { linkPort, runId } from '../../fixtures/links.ts'

t.setTimeout(120_000)

t.test('a dial that ends with a FIN that nobody answers does not keep its namespace', async t => {
  const root = await fabricRoot(t)
  const spec = ringSpec(2)
  const fabric = await builtFabric(t, root, spec)
  const [near, far] = spec.nodes
  if (near === undefined || far === undefined) throw new Error('a ring of two has two nodes')
  const links = new native.Links(runId, () => {}, 2000)
  t.teardown(() => links.close())
  const netns = fabric.netns(0)
  await links.addNode({ nodeId: 1, netns, address: near.address, port: linkPort, incarnation: 1, peers: [2] })
  // The kernel there answers, and nobody else does: the dial waits for the other side's word.
  const listen = { address: far.address, port: linkPort, backlog: 8 }
  const server = new Server().listen({ fd: await fabric.netns(1).openSocket({ listen }) })
  const accepted: Socket[] = []
  server.on('connection', socket => accepted.push(socket))
  links.dial(1, 2, far.address, linkPort)
  const connections = async (): Promise<string> => (await runInNetns(netns, 'cat', ['/proc/net/tcp'])).stdout
  const isIn = async (state: string): Promise<boolean> =>
    (await connections()).split('\n').some(line => line.trim().split(/\s+/)[3] === state)
  while (!(await isIn('01'))) await new Promise(resolve => setTimeout(resolve, 20))
  // A cut in the middle: neither FIN nor RST gets anywhere.
  const cut = await runInNetns(root, 'ip', ['link', 'set', far.hostInterface, 'down'])
  t.equal(cut.code, 0, cut.stderr)
  links.cancelDial(1, 2)
  while (!(await isIn('04'))) await new Promise(resolve => setTimeout(resolve, 20))
  links.removeNode(1)
  await fabric.removeNode(0, 30_000)
  t.pass('removed')
  server.close()
  for (const socket of accepted) socket.resetAndDestroy()
})
