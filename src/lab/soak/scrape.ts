// Metrics of an observer, read from its /metrics as Prometheus does.

/** One that does not answer in time has no value: the series then shows the gap. */
const SCRAPE_LIMIT_MS = 2000

/** Values by name, those with labels added up; only `names` where any are given. Null where nothing was answered. */
export async function scrape(url: string, names: readonly string[]): Promise<Readonly<Record<string, number>> | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(SCRAPE_LIMIT_MS) })
    return response.ok ? parseMetrics(await response.text(), names) : null
  } catch {
    return null
  }
}

/** The text format: `name{label="x"} value [time]`. A name of the list may have its labels, exactly as they are told. */
export function parseMetrics(text: string, names: readonly string[]): Readonly<Record<string, number>> {
  const wanted = new Set(names)
  const values: Record<string, number> = {}
  for (const line of text.split('\n')) {
    const [, name = '', labels = '', value = ''] = /^([A-Za-z_:][\w:]*)(\{.*\})?\s+(\S+)/.exec(line) ?? []
    const number = Number(value.replace('Inf', 'Infinity'))
    if (name === '' || !Number.isFinite(number)) continue
    if (wanted.size === 0 || wanted.has(name)) values[name] = (values[name] ?? 0) + number
    if (labels !== '' && wanted.has(name + labels)) values[name + labels] = number
  }
  return values
}
