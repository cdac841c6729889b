// /metrics over HTTP.

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { NslabError } from '../../base/errors.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** "9464" is on loopback; "0.0.0.0:9464", "[::]:9464" are where they say. Throws USAGE. */
export function parseListen(text: string): Address {
  const parts = /^(?:(\[[0-9a-fA-F:.]+\]|[^:[\]]+):)?(\d{1,5})$/.exec(text)
  const port = Number(parts?.[2])
  if (parts === null || port > 65_535) {
    throw new NslabError('USAGE', {
      problem: `--metrics-listen ${text}: not an address and port`,
      hint: 'As in 127.0.0.1:9464, or [::1]:9464; a port alone is on loopback.',
    })
  }
  return { host: (parts[1] ?? '127.0.0.1').replace(/^\[|\]$/g, ''), port }
}

export class MetricsServer {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** Throws KERNEL_REFUSED where the address can't be had. */
  static async listen({ host, port }: Address, render: () => string): Promise<MetricsServer> {
    const server = createServer((request, response) => {
      // As it is: anybody may ask for what is no URL, "//" for one, and that must not end the collector.
      const isKnown = /^(?:http:\/\/[^/]+)?\/metrics(?:[?#]|$)/.test(request.url ?? '')
      const isRead = request.method === 'GET' || request.method === 'HEAD'
      if (!isKnown) response.writeHead(404, { 'content-type': 'text/plain' }).end('/metrics is all there is.\n')
      else if (!isRead) response.writeHead(405, { allow: 'GET, HEAD' }).end()
      else response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(render())
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const { code: errno, message: reason } = error
        const where = `--metrics-listen ${host.includes(':') ? `[${host}]` : host}:${port}`
        reject(new NslabError('KERNEL_REFUSED', { operation: 'listen', where, errno, reason }, { cause: error }))
      })
      server.listen(port, host, resolve)
    })
    return new MetricsServer(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }
}
