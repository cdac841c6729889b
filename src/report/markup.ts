// Text into XML and HTML: a template whose every value is escaped unless it is markup already.

/** What XML 1.0 can't hold at all: control characters but tab and line ends, lone surrogates, U+FFFE and U+FFFF. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: naming them is the point
const unspeakable = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]|\p{Surrogate}/gu

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Safe in text and in quoted attributes of XML and HTML. What XML can't hold becomes U+FFFD. */
export function escapeText(text: string): string {
  return text.replace(unspeakable, '\ufffd').replace(/[&<>"']/g, character => entities[character] ?? character)
}

/** Finished markup: passes through `markup` as it is. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type MarkupValue = string | number | null | Markup | readonly Markup[]

/** Template tag: strings and numbers are escaped, markup and lists of markup pass, null is nothing. */
export function markup(parts: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup {
  return new Markup(parts.map((part, index) => part + textOf(values[index] ?? null)).join(''))
}

function textOf(value: MarkupValue): string {
  if (value === null) return ''
  if (value instanceof Markup) return value.text
  return typeof value === 'object' ? value.map(item => item.text).join('') : escapeText(String(value))
}
