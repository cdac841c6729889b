// JSON whose bytes depend on the value alone: keys sorted, short things on one line, one indent a level.

const LINE_CHARS_MAX = 118

/** Canonical text with a final line feed. Keys whose value is undefined are left out, as JSON.stringify does. */
export function canonicalJson(value: unknown): string {
  return `${layOut(value, '')}\n`
}

/** `value` on one line, with sorted keys and spaces after `:` and `,`. */
function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = sorted(value).map(([key, member]) => `${JSON.stringify(key)}: ${oneLine(member)}`)
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
}

function layOut(value: unknown, indent: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const flat = fits(value, LINE_CHARS_MAX) ? oneLine(value) : null
  if (flat !== null && indent.length + flat.length <= LINE_CHARS_MAX) return flat
  const inner = `${indent} `
  const members = Array.isArray(value)
    ? value.map(member => layOut(member, inner))
    : sorted(value).map(([key, member]) => `${JSON.stringify(key)}: ${layOut(member, inner)}`)
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  return `${open}\n${members.map(member => inner + member).join(',\n')}\n${indent}${close}`
}

function sorted(value: object): [string, unknown][] {
  return Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([x], [y]) => (x < y ? -1 : 1))
}

/** A cheap lower bound of the length of `oneLine`: keeps large values from being written twice. */
function fits(value: unknown, chars: number): boolean {
  return roomAfter(value, chars) >= 0
}

function roomAfter(value: unknown, room: number): number {
  if (typeof value === 'string') return room - value.length
  if (typeof value !== 'object' || value === null) return room - 1
  let left = room - 2
  for (const key in value) {
    if (left < 0) return left
    left = roomAfter((value as Record<string, unknown>)[key], left - 1)
  }
  return left
}
