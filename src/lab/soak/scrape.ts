// Metrics of an observer, read from its /metrics as Prometheus does: a page with one wrong line is no page.
// Source: prometheus.io, "Exposition formats", 0.0.4, and what OpenMetrics 1.0 adds to a line.

/** One that does not answer in time has no value: the series then shows the gap. */
const SCRAPE_LIMIT_MS = 2000
/** Of a page. One with more has the soak parse it while it should churn; a large exporter's page has some MiB. */
export const PAGE_BYTES_MAX = 16 * 1024 * 1024
/** Of a line that is quoted. */
const QUOTED_CHARS = 80

export interface Scraped {
  readonly values: Readonly<Record<string, number>>
  /** Why there are none; absent: the page was read. */
  readonly problem?: string
}

/** Values by name, those with labels added up; only `names` where any are given. */
export async function scrape(url: string, names: readonly string[], limitMs = SCRAPE_LIMIT_MS): Promise<Scraped> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(limitMs) })
    const text = await pageOf(response)
    if (!response.ok) return { values: {}, problem: `it answered ${response.status} ${response.statusText}`.trim() }
    return { values: parseMetrics(text, names) }
  } catch (error) {
    const { name, message, cause } = error as Error
    const why = name === 'TimeoutError' ? `no answer in ${limitMs / 1000} s` : ((cause as Error)?.message ?? message)
    return { values: {}, problem: why }
  }
}

/** Throws where it is too large, of which no more is read. */
async function pageOf({ body }: Response): Promise<string> {
  if (body === null) return ''
  const decoder = new TextDecoder()
  let [text, bytes] = ['', 0]
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > PAGE_BYTES_MAX) throw new Error(`its page is larger than ${PAGE_BYTES_MAX / 1024 ** 2} MiB`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

const LABEL = '[A-Za-z_]\\w*\\s*=\\s*"(?:[^"\\\\\\n]|\\\\.)*"'
const NUMBER = '[+-]?(?:\\d+\\.?\\d*(?:e[+-]?\\d+)?|\\.\\d+(?:e[+-]?\\d+)?|inf(?:inity)?|nan)'
const SAMPLE = new RegExp(
  // A name, labels, a value, a time, and an exemplar.
  `^([A-Za-z_:][\\w:]*)\\s*(\\{\\s*(?:${LABEL}\\s*(?:,\\s*${LABEL}\\s*)*,?\\s*)?\\})?\\s+(${NUMBER})` +
    `(?:\\s+-?\\d+(?:\\.\\d*)?)?(?:\\s+#\\s*\\{.*\\}\\s+\\S+(?:\\s+\\S+)?)?\\s*$`,
  'i',
)

/**
 * The text format. A name of the list may have its labels, exactly as they are told. What is no finite number is no
 * value, and neither is a sum with one. Throws where a line is none of the format.
 */
export function parseMetrics(text: string, names: readonly string[]): Readonly<Record<string, number>> {
  const wanted = new Set(names)
  const values: Record<string, number> = {}
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue
    const [whole, name = '', labels = '', value = ''] = SAMPLE.exec(line) ?? []
    if (whole === undefined) throw new Error(`line ${index + 1} is no sample: ${line.slice(0, QUOTED_CHARS)}`)
    const number = numberOf(value)
    if (wanted.size === 0 || wanted.has(name)) values[name] = (values[name] ?? 0) + number
    if (labels !== '' && wanted.has(name + labels)) values[name + labels] = number
  }
  return Object.fromEntries(Object.entries(values).filter(([, value]) => Number.isFinite(value)))
}

/** "NaN" and the infinities are written in any case. */
const numberOf = (text: string): number => (/n/i.test(text) ? Number.NaN : Number(text))
