// Reads a TOML table by a schema table: every unknown key and every bad value becomes a problem, none stops the
// reading.

import * as v from 'valibot'
import type { Path } from './locate.ts'
import { nearestOf } from './nearest.ts'
import type { Problems, TomlTable } from './problems.ts'

type Entries = v.ObjectEntries
type Schema = v.GenericSchema
export type TableSchema<E extends Entries> = v.ObjectSchema<E, undefined>

export interface ReadTable<E extends Entries> {
  /** Typed values. A key that had a problem is as if it had not been given. */
  readonly value: v.InferOutput<TableSchema<E>>
  /** Keys directly in the table in or under which something is wrong: what depends on them can't be checked. */
  readonly bad: ReadonlySet<string>
}

/** Is it a TOML table (not an array, not a date)? smol-toml's tables have no prototype. */
export function isTable(value: unknown): value is TomlTable {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** Reads `raw`, which stands at `path`. Every key directly in `schema` must be optional. */
export function readTable<E extends Entries>(
  schema: TableSchema<E>,
  raw: TomlTable,
  path: Path,
  problems: Problems,
): ReadTable<E> {
  const bad = new Set<string>()
  const spoil = (at: Path): void => {
    bad.add(String(at[path.length]))
  }
  const wrongShape = checkShape(schema, raw, path, problems, spoil)
  const result = v.safeParse(schema, raw)
  if (!result.success)
    for (const issue of result.issues) {
      const at = [...path, ...pathOf(issue)]
      if (wrongShape.some(shape => shape.every((part, index) => part === at[index]))) continue
      if (issue.received === 'undefined' && issue.input === undefined)
        problems.add({ path: at, problem: 'is required' })
      else problems.mustBe(at, issue.input, issue.type === 'array' ? 'an array' : issue.message)
      spoil(at)
    }
  if (result.success && bad.size === 0) return { value: result.output, bad }
  const clean = Object.fromEntries(Object.entries(raw).filter(([key]) => !bad.has(key)))
  return { value: v.parse(schema, clean), bad }
}

/** Where the issue is; the table itself is known to be one, so there is always a path. */
function pathOf(issue: v.BaseIssue<unknown>): Path {
  return (issue.path as NonNullable<typeof issue.path>).map(item => item.key as string | number)
}

/**
 * Unknown keys, and tables that are no tables. Returns the paths of the latter; valibot takes any object for a table.
 */
function checkShape(schema: Schema, raw: unknown, path: Path, problems: Problems, spoil: (at: Path) => void): Path[] {
  const inner = unwrap(schema)
  const items = itemOf(inner)
  if (items !== null)
    return Array.isArray(raw)
      ? raw.flatMap((item, index) => checkShape(items, item, [...path, index], problems, spoil))
      : []
  const entries = entriesOf(inner)
  if (entries === null || raw === undefined) return []
  if (!isTable(raw)) {
    problems.mustBe(path, raw, 'a table')
    spoil(path)
    return [path]
  }
  return Object.entries(raw).flatMap(([key, value]) => {
    const at = [...path, key]
    if (Object.hasOwn(entries, key)) return checkShape(entries[key] as Schema, value, at, problems, spoil)
    problems.add({ path: at, problem: 'unknown key', nearest: nearestOf(key, Object.keys(entries)) })
    spoil(at)
    return []
  })
}

/** The schema behind `optional`. */
export function unwrap(schema: Schema): Schema {
  return 'wrapped' in schema ? unwrap(schema.wrapped as Schema) : schema
}

export function entriesOf(schema: Schema): Readonly<Record<string, Schema>> | null {
  return 'entries' in schema ? (schema.entries as Record<string, Schema>) : null
}

export function itemOf(schema: Schema): Schema | null {
  return 'item' in schema ? (schema.item as Schema) : null
}
