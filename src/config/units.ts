// Durations, sizes and rates as written in configuration: "2s", "1h30m", "600 kB", "1GiB",
// "100mbit".

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }
const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
}

/**
 * Longest time to wait for: what waits is a timer of Node.js, which ends at 2^31 ms (24.8 days), with room for a grace.
 */
export const DURATION_S_MAX = 20 * 86_400

export const DURATION_LIMIT = 'a duration such as "500ms", "2s" or "1h30m", at most "20d"'

/** Seconds; null for anything that is not a duration. Parts go from large to small, each unit once. */
export function parseDuration(text: string): number | null {
  let seconds = 0
  let smallest = Number.POSITIVE_INFINITY
  let rest = text.trim()
  if (rest === '') return null
  while (rest !== '') {
    const part = /^([0-9]+(?:\.[0-9]+)?)\s*(ms|[smhd])\s*/.exec(rest)
    if (part === null) return null
    const unit = SECONDS[part[2] as string] as number
    if (unit >= smallest) return null
    smallest = unit
    // Milliseconds are divided, so that "250ms" is 0.25 to the last bit.
    seconds += unit === 0.001 ? Number(part[1]) / 1000 : Number(part[1]) * unit
    rest = rest.slice(part[0].length)
  }
  return seconds
}

/** Bytes; null for anything that is not a size. Decimal (kB, MB, GB) and binary (KiB, MiB, GiB) units. */
export function parseSize(text: string): number | null {
  const parts = /^([0-9]+(?:\.[0-9]+)?)\s*(B|kB|MB|GB|KiB|MiB|GiB)$/.exec(text.trim())
  return parts === null ? null : Number(parts[1]) * (BYTES[parts[2] as string] as number)
}

const PREFIXES: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
  ti: 1024 ** 4,
}

/**
 * Bytes a second, whole ones; null for anything that is not a rate. As tc(8) has them: "bit" counts bits, "bps" bytes,
 * k is 1000 and ki 1024, in any case of letters; only a number alone is none here.
 */
export function parseRate(text: string): number | null {
  const parts = /^([0-9]+(?:\.[0-9]+)?)\s*([kmgt]i?)?(bit|bps)$/.exec(text.trim().toLowerCase())
  if (parts === null) return null
  const bytes = Number(parts[1]) * (PREFIXES[parts[2] ?? ''] as number)
  return Math.round(parts[3] === 'bit' ? bytes / 8 : bytes)
}
