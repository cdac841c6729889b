// Host names and "host:port" as configuration writes them.

import { parseIpv4 } from '../base/ipv4.ts'

/** "localhost", ::1 or 127.0.0.0/8. */
export function isLoopback(host: string): boolean {
  const address = parseIpv4(host)
  return host === 'localhost' || host === '::1' || host === '[::1]' || (address !== null && address >>> 24 === 127)
}

/** Host and port of "host:port" or "ws://host:port[/]"; null for anything else. IPv6 hosts stand in brackets. */
export function parseControllerAddr(text: string): { readonly host: string; readonly port: number } | null {
  const parts = /^(?:ws:\/\/)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):([1-9][0-9]{0,4})\/?$/.exec(text)
  const port = Number(parts?.[2])
  return parts === null || port > 65_535 ? null : { host: parts[1] as string, port }
}
