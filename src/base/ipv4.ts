// IPv4 addresses as unsigned 32-bit numbers.

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
