// Where each key of a TOML text stands. smol-toml reports values without positions, so errors find theirs here.
// Only texts that smol-toml accepts are scanned: nothing is validated twice.

import { parse } from 'smol-toml'

export type Path = readonly (string | number)[]

export interface Position {
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units, as smol-toml counts. */
  readonly column: number
}

/** Positions of every key and array element of a document. */
export class Locations {
  readonly #text: string
  readonly #offsets: ReadonlyMap<string, number>

  constructor(text: string) {
    this.#text = text
    this.#offsets = new Scanner(text).scan()
  }

  /** How many keys and elements there are. */
  get size(): number {
    return this.#offsets.size
  }

  /** Position of the key or element itself; null where the document has none. */
  exact(path: Path): Position | null {
    const offset = this.#offsets.get(pathKey(path))
    return offset === undefined ? null : positionAt(this.#text, offset)
  }

  /** Position of the longest part of `path` that the document has; the first line where it has none. */
  nearest(path: Path): Position {
    for (let length = path.length; length > 0; length--) {
      const position = this.exact(path.slice(0, length))
      if (position !== null) return position
    }
    return { line: 1, column: 1 }
  }
}

const pathKey = (path: Path): string => JSON.stringify(path)

function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset)
  const lineStart = before.lastIndexOf('\n') + 1
  let line = 1
  for (let at = before.indexOf('\n'); at >= 0; at = before.indexOf('\n', at + 1)) line++
  return { line, column: offset - lineStart + 1 }
}

interface KeyPart {
  readonly name: string
  readonly offset: number
}

const BARE_KEY = /[A-Za-z0-9_-]+/y
const SCALAR = /[^,\]}#\n\r]+/y
const VOID = /(?:[ \t\r\n]|#[^\n]*)*/y
const BLANK = /[ \t]*/y

class Scanner {
  readonly #text: string
  readonly #offsets = new Map<string, number>()
  /** Elements so far of every array of tables, by path. */
  readonly #tableCounts = new Map<string, number>()
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  scan(): ReadonlyMap<string, number> {
    if (this.#text.startsWith('\ufeff')) this.#at = 1
    let table: Path = []
    for (this.#skip(VOID); this.#at < this.#text.length; this.#skip(VOID)) {
      if (this.#text[this.#at] === '[') table = this.#header()
      else this.#pair(table)
    }
    return this.#offsets
  }

  /** `[a.b]` or `[[a.b]]`; returns the path of the table that the following pairs belong to. */
  #header(): Path {
    const isArray = this.#text[this.#at + 1] === '['
    this.#at += isArray ? 2 : 1
    const parts = this.#keyParts(']')
    if (isArray) this.#at++
    const path: (string | number)[] = []
    parts.forEach((part, index) => {
      path.push(part.name)
      this.#note(path, part.offset)
      const counted = pathKey(path)
      const count = this.#tableCounts.get(counted)
      if (isArray && index === parts.length - 1) {
        this.#tableCounts.set(counted, (count ?? 0) + 1)
        path.push(count ?? 0)
        this.#note(path, part.offset)
      } else if (count !== undefined) path.push(count - 1)
    })
    return path
  }

  #pair(table: Path): void {
    const path = [...table]
    for (const part of this.#keyParts('=')) {
      path.push(part.name)
      this.#note(path, part.offset)
    }
    this.#skip(BLANK)
    this.#value(path)
  }

  /** The parts of a dotted key, up to and with `end`. */
  #keyParts(end: string): KeyPart[] {
    const parts: KeyPart[] = []
    for (;;) {
      this.#skip(BLANK)
      const offset = this.#at
      const first = this.#text[offset]
      if (first === '"' || first === "'") {
        this.#string()
        const quoted = this.#text.slice(offset, this.#at)
        parts.push({ name: Object.keys(parse(`${quoted} = 0`))[0] as string, offset })
      } else {
        this.#skip(BARE_KEY)
        parts.push({ name: this.#text.slice(offset, this.#at), offset })
      }
      this.#skip(BLANK)
      if (this.#text[this.#at++] === end) return parts
    }
  }

  #value(path: Path): void {
    switch (this.#text[this.#at]) {
      case '"':
      case "'":
        this.#string()
        break
      case '[':
        this.#items(']', index => {
          const element = [...path, index]
          this.#note(element, this.#at)
          this.#value(element)
        })
        break
      case '{':
        this.#items('}', () => this.#pair(path))
        break
      default:
        this.#skip(SCALAR)
    }
  }

  /** What stands between brackets or braces, separated by commas. */
  #items(end: string, item: (index: number) => void): void {
    this.#at++
    for (let index = 0; ; index++) {
      this.#skip(VOID)
      if (this.#text[this.#at] === end) break
      item(index)
      this.#skip(VOID)
      if (this.#text[this.#at] !== ',') break
      this.#at++
    }
    this.#at++
  }

  #string(): void {
    const quote = this.#text[this.#at] as string
    const triple = this.#text.startsWith(quote.repeat(3), this.#at)
    this.#at += triple ? 3 : 1
    for (; ; this.#at++) {
      const char = this.#text[this.#at]
      if (char === '\\' && quote === '"') this.#at++
      else if (char === quote && (!triple || this.#text.startsWith(quote.repeat(3), this.#at))) break
    }
    this.#at += triple ? 3 : 1
    // A multi-line string may end in up to two quotes of its own.
    while (triple && this.#text[this.#at] === quote) this.#at++
  }

  #skip(what: RegExp): void {
    what.lastIndex = this.#at
    if (what.test(this.#text)) this.#at = what.lastIndex
  }

  /** The first mention of a path is its position. */
  #note(path: Path, offset: number): void {
    const key = pathKey(path)
    if (!this.#offsets.has(key)) this.#offsets.set(key, offset)
  }
}
