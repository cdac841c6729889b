// IPv4 addresses as unsigned 32-bit numbers, and the MAC addresses the plan derives from them.

/** The number of a dotted quad; null for anything else (leading zeros too, which some parsers read as octal). */
export function parseIpv4(text: string): number | null {
  const parts = text.split('.')
  if (parts.length !== 4) return null
  let address = 0
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part)) return null
    const byte = Number(part)
    if (byte > 255) return null
    address = address * 256 + byte
  }
  return address
}

/** The dotted quad of a number from 0 to 2^32 − 1. */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`
}

const hexByte = (byte: number): string => byte.toString(16).padStart(2, '0')

function macWith(second: string, address: number): string {
  const bytes = [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255]
  return `02:${second}:${bytes.map(hexByte).join(':')}`
}

/** MAC of a node: 02:6e and its IPv4 address, so that whoever knows the address knows the MAC. */
export function macOf(address: number): string {
  return macWith('6e', address)
}

/** MAC of a bridge: 02:6f and the gateway's IPv4 address. */
export function bridgeMacOf(gateway: number): string {
  return macWith('6f', gateway)
}
