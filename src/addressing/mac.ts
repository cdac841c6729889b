// MAC addresses derived from IPv4 addresses: whoever knows the address knows the MAC. native/ holds the same rule.

const hexByte = (byte: number): string => byte.toString(16).padStart(2, '0')

function macWith(second: string, address: number): string {
  const bytes = [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255]
  return `02:${second}:${bytes.map(hexByte).join(':')}`
}

/** MAC of a node: 02:6e and its IPv4 address. */
export function macOf(address: number): string {
  return macWith('6e', address)
}

/** MAC of a bridge: 02:6f and the gateway's IPv4 address. */
export function bridgeMacOf(gateway: number): string {
  return macWith('6f', gateway)
}

/** MAC of a fabric root's uplink: 02:71 and its underlay address. */
export function uplinkMacOf(address: number): string {
  return macWith('71', address)
}
