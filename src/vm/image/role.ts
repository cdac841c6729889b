// What is in a role's image, as microvms/ROLE.toml says.

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parse } from 'smol-toml'
import * as v from 'valibot'
import type { ImageRole } from './types.ts'

const words = v.array(v.string())

const roleSchema = v.strictObject({
  /** The role that this one adds to: its own keys stand, tables and the rest come from there. */
  extends: v.optional(v.string()),
  summary: v.string(),
  memory_min_mib: v.pipe(v.number(), v.integer(), v.minValue(64)),
  command_line: words,
  programs: words,
  /** Of this machine, by the names that programs load them by. */
  libraries: v.optional(words, []),
  postgres: v.optional(v.boolean(), false),
  modules: v.strictObject({ boot: words, root: words, carried: words }),
  settings: v.record(v.string(), v.union([v.number(), v.string()])),
})

export type Role = v.InferOutput<typeof roleSchema>

const folder = fileURLToPath(new URL('../../../microvms/', import.meta.url))

/** Reads a role. Throws what TOML or the schema say: the files are ours. */
export async function readRole(name: ImageRole, from = folder): Promise<Role> {
  return v.parse(roleSchema, await merged(name, from))
}

async function merged(name: string, from: string): Promise<Record<string, unknown>> {
  const own = parse(await readFile(`${from}/${name}.toml`, 'utf8')) as Record<string, unknown>
  return typeof own.extends === 'string' ? { ...(await merged(own.extends, from)), ...own } : own
}
