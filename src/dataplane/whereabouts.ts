// A fleet's socket in the run folder: tells `nslab exec` where a node's namespace is, one JSON line each way.
// The connection stays open as a life line: it ends when the fleet does.

import { rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { listenAt } from '../base/unix-socket.ts'
import type { Fleet } from './fleet.ts'

/** A question is far shorter; a client that sends more is broken. */
const QUESTION_BYTES_MAX = 4096

export class Whereabouts {
  #server: Server
  #path: string
  #clients = new Set<Socket>()

  private constructor(server: Server, path: string) {
    this.#server = server
    this.#path = path
  }

  /** Listens on `path`, for the owner alone. */
  static async open(path: string, fleet: Fleet): Promise<Whereabouts> {
    const server = createServer()
    const whereabouts = new Whereabouts(server, path)
    server.on('connection', client => whereabouts.#serve(client, fleet))
    await listenAt(server, path)
    return whereabouts
  }

  close(): Promise<void> {
    for (const client of this.#clients) client.destroy()
    return new Promise(resolve =>
      this.#server.close(() => {
        rmSync(this.#path, { force: true })
        resolve()
      }),
    )
  }

  #serve(client: Socket, fleet: Fleet): void {
    this.#clients.add(client)
    let text = ''
    let answered = Promise.resolve()
    client.setEncoding('utf8')
    client.on('error', () => {})
    client.on('close', () => this.#clients.delete(client))
    client.on('data', (chunk: string) => {
      text += chunk
      if (text.length > QUESTION_BYTES_MAX) client.destroy()
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const asked = answer(text.slice(0, end), fleet)
        answered = answered.then(async () => {
          const line = `${JSON.stringify(await asked)}\n`
          if (client.writable) client.write(line)
        })
        text = text.slice(end + 1)
      }
    })
  }
}

async function answer(question: string, fleet: Fleet): Promise<object> {
  const known = `${fleet.firstId}-${fleet.lastId}`
  let nodeId: unknown
  try {
    nodeId = (JSON.parse(question) as { node_id?: unknown } | null)?.node_id
  } catch {
    return { error: 'not JSON', known }
  }
  if (!Number.isSafeInteger(nodeId)) return { error: 'node_id: must be an integer', known }
  const place = await fleet.visit(nodeId as number)
  if (place === null) return { error: `node ${nodeId} has no namespace here`, known }
  const { fd, address, cookie, problem } = place
  const where = { pid: process.pid, fd, address, cookie: String(cookie) }
  return problem === undefined ? where : { ...where, warning: problem }
}
