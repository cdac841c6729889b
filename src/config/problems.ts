// Collects everything wrong with a configuration, then throws it all at once.

import { parse, TomlError } from 'smol-toml'
import { NslabError } from '../base/errors.ts'
import { Locations, type Path, type Position } from './locate.ts'

export type TomlTable = Record<string, unknown>

/**
 * One thing wrong: where, which key, which value, what it must be. `line` and `column` are 0 for a value from a flag.
 */
export interface ConfigIssue {
  /** File, or the flag the value came from. */
  readonly source: string
  readonly line: number
  readonly column: number
  /** Dotted path, array positions in brackets. */
  readonly key: string
  /** As JSON, shortened. */
  readonly value?: string
  readonly limit?: string
  readonly problem: string
  /** The known key or name that was probably meant. */
  readonly nearest?: string
}

export interface Finding {
  readonly path: Path
  readonly problem: string
  readonly value?: unknown
  readonly limit?: string
  readonly nearest?: string | undefined
  /** The flag that is itself wrong; else the origin is looked up by path. */
  readonly flag?: string
}

/** A text that part of the configuration came from. `mount` is where its root stands in the whole. */
interface Origin {
  readonly file: string
  readonly text: string
  readonly mount: Path
  locations?: Locations
}

const VALUE_CHARS_MAX = 60

/** `["a", 0, "b c"]` as `a[0]."b c"`. */
export function keyText(path: Path): string {
  return path
    .map(part =>
      typeof part === 'number' ? `[${part}]` : `.${/^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part)}`,
    )
    .join('')
    .replace(/^\./, '')
}

function valueText(value: unknown): string {
  // JSON has no inf and nan, TOML has.
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value)
  return text.length > VALUE_CHARS_MAX ? `${text.slice(0, VALUE_CHARS_MAX)}…` : text
}

export class Problems {
  readonly #source: string
  readonly #origins: Origin[] = []
  readonly #flags = new Map<string, string>()
  readonly #issues: ConfigIssue[] = []

  /** `source`: what the whole is called in the error's first line. */
  constructor(source: string) {
    this.#source = source
  }

  get count(): number {
    return this.#issues.length
  }

  /**
   * Parses a text and remembers it as the origin of what is at `mount`. Where two texts have the same key of a mount,
   * the earlier one owns it. A syntax error is thrown at once: nothing more can be known.
   */
  parse(text: string, file: string, mount: Path = []): TomlTable {
    this.#origins.push({ file, text, mount })
    try {
      return parse(text) as TomlTable
    } catch (error) {
      if (!(error instanceof TomlError)) throw error
      const problem = (error.message.split('\n')[0] as string).replace(/^Invalid TOML document: /, '')
      this.#issues.push({ source: file, line: error.line, column: error.column, key: keyText(mount), problem })
      throw this.#error()
    }
  }

  /** Says that the value at `path` came from a flag. */
  fromFlag(path: Path, flag: string): void {
    this.#flags.set(JSON.stringify(path), flag)
  }

  add(finding: Finding): void {
    const { source, position } =
      finding.flag === undefined ? this.#whence(finding.path) : { source: finding.flag, position: null }
    this.#issues.push({
      source,
      line: position?.line ?? 0,
      column: position?.column ?? 0,
      key: keyText(finding.path),
      ...(finding.value === undefined ? {} : { value: valueText(finding.value) }),
      ...(finding.limit === undefined ? {} : { limit: finding.limit }),
      problem: finding.problem,
      ...(finding.nearest === undefined ? {} : { nearest: finding.nearest }),
    })
  }

  /** The value at `path` must be `limit`. */
  mustBe(path: Path, value: unknown, limit: string): void {
    this.add({ path, value, limit, problem: `must be ${limit}` })
  }

  /** The same for a node's id in a topology of `nodesCount`. */
  mustBeNode(path: Path, id: number, nodesCount: number): void {
    if (id <= nodesCount) return
    const problem = `is beyond the topology's ${nodesCount} nodes`
    this.add({ path, value: id, limit: `ids from 1 to ${nodesCount}`, problem })
  }

  /** Throws CONFIG_INVALID {source, problems, issues} when anything was added. */
  throwIfAny(): void {
    if (this.#issues.length > 0) throw this.#error()
  }

  #error(): NslabError {
    // Files in the order they were read, from top to bottom; flags after them, as they came.
    const files = this.#origins.map(origin => origin.file)
    const rank = (issue: ConfigIssue): number => (files.indexOf(issue.source) + files.length + 1) % (files.length + 1)
    const issues = [...this.#issues].sort((x, y) => rank(x) - rank(y) || x.line - y.line || x.column - y.column)
    return new NslabError('CONFIG_INVALID', { source: this.#source, problems: issues.map(issueText), issues })
  }

  #whence(path: Path): { source: string; position: Position | null } {
    for (let length = path.length; length > 0; length--) {
      const flag = this.#flags.get(JSON.stringify(path.slice(0, length)))
      if (flag !== undefined) return { source: flag, position: null }
    }
    const candidates = this.#origins.filter(origin => origin.mount.every((part, index) => part === path[index]))
    const owner =
      candidates.find(origin => this.#locations(origin).exact(this.#inside(origin, path, 1)) !== null) ?? candidates[0]
    if (owner === undefined) return { source: this.#source, position: null }
    return { source: owner.file, position: this.#locations(owner).nearest(this.#inside(owner, path, path.length)) }
  }

  #locations(origin: Origin): Locations {
    origin.locations ??= new Locations(origin.text)
    return origin.locations
  }

  /** The part of `path` within the origin, as far as `keys` keys below the deepest mount that fits. */
  #inside(origin: Origin, path: Path, keys: number): Path {
    const deepest = Math.max(...this.#origins.map(other => (path[0] === other.mount[0] ? other.mount.length : 0)))
    return path.slice(origin.mount.length, deepest + keys)
  }
}

function issueText(issue: ConfigIssue): string {
  const where = issue.line === 0 ? issue.source : `${issue.source}:${issue.line}:${issue.column}`
  const what = issue.value === undefined ? issue.key : `${issue.key} = ${issue.value}`
  const hint = issue.nearest === undefined ? '' : `; did you mean ${JSON.stringify(issue.nearest)}?`
  return `${where}: ${what === '' ? '' : `${what}: `}${issue.problem}${hint}`
}
