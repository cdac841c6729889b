// One value given on the command line: --set key=value, or a flag that stands for a key. Typed by the schema.

import { parse } from 'smol-toml'
import * as v from 'valibot'
import type { Path } from './locate.ts'
import { nearestOf } from './nearest.ts'
import type { Problems, TomlTable } from './problems.ts'
import { entriesOf, isTable, itemOf, unwrap } from './table.ts'

export interface Override {
  /** Dotted; array positions as `gate[0]` or `gate.0`. */
  readonly key: string
  readonly value: string
  /** How the user wrote it, for messages: "--set run.hold=2s". */
  readonly from: string
}

/** "key=value" of a --set. The value may contain "=". */
export function parseSet(text: string): Override {
  const at = text.indexOf('=')
  const from = `--set ${text}`
  return at < 0
    ? { key: text.trim(), value: '', from }
    : { key: text.slice(0, at).trim(), value: text.slice(at + 1), from }
}

/** Puts the value into `root`. What does not fit is added to the problems, and `root` left as it is. */
export function applyOverride(root: TomlTable, schema: v.GenericSchema, override: Override, problems: Problems): void {
  const path = pathOf(override.key)
  problems.fromFlag(path, override.from)
  let table: TomlTable | unknown[] = root
  let at = schema
  for (const [index, part] of path.entries()) {
    const child = childOf(at, part)
    if (child === null) {
      const known = entriesOf(unwrap(at)) ?? {}
      problems.add({
        flag: override.from,
        path: path.slice(0, index + 1),
        problem: 'unknown key',
        nearest: nearestOf(String(part), Object.keys(known)),
      })
      return
    }
    at = child
    if (index === path.length - 1) break
    const next: unknown = Reflect.get(table, part)
    // What is not there yet is made: a table, a list, the next element of a list.
    if (next === undefined && (typeof part === 'string' || part === (table as unknown[]).length))
      Reflect.set(table, part, typeof path[index + 1] === 'number' ? [] : {})
    const inner: unknown = Reflect.get(table, part)
    if (!isTable(inner) && !Array.isArray(inner)) {
      problems.add({ path, problem: `has nothing at ${String(part)}` })
      return
    }
    table = inner
  }
  const last = path.at(-1)
  if (last === undefined) {
    problems.add({ flag: override.from, path, problem: 'must be key=value' })
    return
  }
  if (typeof last === 'number' && last > (table as unknown[]).length) {
    problems.add({ path, problem: `has only ${(table as unknown[]).length} elements` })
    return
  }
  Reflect.set(table, last, typed(override.value, at))
}

/** The TOML value of the text where the schema takes it, else the text itself where the schema takes that. */
function typed(value: string, schema: v.GenericSchema): unknown {
  let parsed: unknown = value
  try {
    parsed = parse(`value = ${value}`).value
  } catch {
    // Not TOML: plain text such as 2s or auto.
  }
  return v.is(schema, parsed) || !v.is(schema, value) ? parsed : value
}

function pathOf(key: string): Path {
  return key
    .split(/\.|\[|\]\.?/)
    .filter(part => part !== '')
    .map(part => (/^[0-9]+$/.test(part) ? Number(part) : part))
}

function childOf(schema: v.GenericSchema, part: string | number): v.GenericSchema | null {
  const inner = unwrap(schema)
  if (typeof part === 'number') return itemOf(inner)
  const entries = entriesOf(inner)
  return entries !== null && Object.hasOwn(entries, part) ? (entries[part] as v.GenericSchema) : null
}
