// Load on the controller: the nodes of a ring join by the control protocol, leave, and join again.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import type { ControllerMessage, NodeMessage } from '../../src/protocol/messages.ts'
import type { Subject } from './record.ts'

/** Nodes join this many at a time: a fleet's window. */
const WINDOW = 50
/** A controller that has not answered a node for so long will not. */
const JOIN_MS_MAX = 60_000

/** A port of loopback that is free now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** One join: resolves with the connection when the controller knows that the node's topology is ready. */
function join1(port: number, nodeId: number, incarnation: number): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
  const send = (message: NodeMessage): void => socket.send(JSON.stringify(message))
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`node ${nodeId} was not answered`)), JOIN_MS_MAX)
    socket.once('error', reject)
    socket.once('open', () => {
      const address = `172.16.${8 + (nodeId >> 8)}.${nodeId & 255}:8080`
      const names = { private_network_name: '', private_network_addr: address, public_network_addr: address }
      send({ type: 'StartUp', node_id: nodeId, incarnation, ...names })
    })
    socket.on('message', data => {
      const message = JSON.parse(String(data)) as ControllerMessage
      if (message.type === 'Refused') reject(new Error(`node ${nodeId}: ${message.reason}`))
      if (message.type !== 'StartUp') return
      clearTimeout(timer)
      send({ type: 'NodeTopologyReady', node_id: nodeId })
      resolve(socket)
    })
  })
}

function left(socket: WebSocket, nodeId: number): Promise<void> {
  return new Promise(resolve => {
    socket.once('close', () => resolve())
    socket.send(JSON.stringify({ type: 'Leave', node_id: nodeId, reason: 'load' } satisfies NodeMessage))
    socket.close()
  })
}

export async function loadController(nodes: number): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'nslab-profile-'))
  const port = await freePort()
  const config = join(folder, 'controller.toml')
  writeFileSync(config, `port = ${port}\ntopology = { type = "ring", ring_config = { n_nodes = ${nodes} } }\n`)
  const sockets = new Map<number, WebSocket>()
  return {
    args: ['controller', '--config', config],
    ready: /controller: listening/,
    load: async signal => {
      let joins = 0
      for (let incarnation = 1; !signal.aborted; incarnation++) {
        for (let first = 1; first <= nodes && !signal.aborted; first += WINDOW) {
          const ids = Array.from({ length: Math.min(WINDOW, nodes - first + 1) }, (_, at) => first + at)
          await Promise.all(
            ids.map(async id => {
              const before = sockets.get(id)
              if (before !== undefined) await left(before, id)
              sockets.set(id, await join1(port, id, incarnation))
            }),
          )
          joins += ids.length
        }
      }
      return `${joins} joins of ${nodes} nodes`
    },
    end: async () => {
      for (const socket of sockets.values()) socket.terminate()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
