// Reads a run folder back into a History. A run that was killed leaves files missing or cut short, which is told, not
// thrown; only a folder whose plan can't be read is no run folder at all.

import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { NslabError } from '../base/errors.ts'
import type { RunEvent } from '../protocol/events.ts'
import type { Sample } from '../protocol/sample.ts'
import {
  environmentSchema,
  eventSchema,
  ledgerSchema,
  linksSchema,
  outcomeSchema,
  planSchema,
  sampleSchema,
  trafficSchema,
} from './schemas.ts'
import { readSoak } from './soak/read.ts'
import type { Damage, Environment, History, LedgerEntry, LinkListing, Outcome, TrafficLine } from './types.ts'

const NEWLINE = 0x0a

/** A run that was killed has no outcome, one of before links were listed has no list, most have no traffic. */
const mayBeMissing = new Set(['outcome.json', 'links.ndjson', 'traffic.ndjson'])

/**
 * Reads the saved data of the run in `folder`.
 * Throws FILE_UNREADABLE {path, reason} when the folder or its plan.json can't be read; everything else that is missing
 * or damaged is listed in `damage`.
 */
export function readHistory(folder: string): History {
  requireFolder(folder)
  const damage: Damage[] = []
  const plan = readPlan(join(folder, 'plan.json'))
  const environment = readDocument(folder, 'environment.json', environmentSchema, damage) as Environment | null
  const outcome = readDocument(folder, 'outcome.json', outcomeSchema, damage) as Outcome | null
  const events = readLines(folder, 'events.ndjson', eventSchema, damage) as unknown as RunEvent[]
  const soak = readSoak(folder, plan, { events, inOrder: outcome?.error === null }, damage)
  return {
    plan,
    environment: environment ?? unknownEnvironment,
    events,
    samples: readLines(folder, 'samples.ndjson', sampleSchema, damage) as Sample[],
    ledger: readLines(folder, 'ledger.ndjson', ledgerSchema, damage) as LedgerEntry[],
    links: readLines(folder, 'links.ndjson', linksSchema, damage) as unknown as LinkListing[],
    traffic: readLines(folder, 'traffic.ndjson', trafficSchema, damage) as unknown as TrafficLine[],
    outcome,
    ...(soak === null ? {} : { soak }),
    damage,
  }
}

/** Stands in where a run ended before it had written its environment: says nothing about any machine. */
export const unknownEnvironment: Environment = {
  run_id: '',
  started_at: '',
  level: 'host',
  accelerator: 'unknown',
  kernel: 'unknown',
  cpu: 'unknown',
  cpus_count: 0,
  memory_bytes: 0,
  versions: {},
  lock_digests: {},
  commit: null,
  rootless: false,
  limits: {},
}

function requireFolder(folder: string): void {
  let isFolder: boolean
  try {
    isFolder = statSync(folder).isDirectory()
  } catch (error) {
    throw unreadable(folder, reasonOf(error), error)
  }
  if (!isFolder) throw unreadable(folder, 'it is not a folder')
}

function readPlan(path: string): unknown {
  let plan: unknown
  try {
    plan = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw unreadable(path, reasonOf(error), error)
  }
  const result = v.safeParse(planSchema, plan)
  if (!result.success) throw unreadable(path, `not a plan of nslab: ${issueText(result.issues)}`)
  return plan
}

/** A JSON document, or null and an entry in `damage`. */
function readDocument(folder: string, file: string, schema: v.GenericSchema, damage: Damage[]): unknown {
  const bytes = readBytes(folder, file, damage)
  if (bytes === null) return null
  const value = parse(bytes.toString('utf8'), schema)
  if ('problem' in value) {
    damage.push({ file, kind: 'corrupt', problem: value.problem })
    return null
  }
  return value.parsed
}

/** The lines that are whole and of the right shape; each other one is an entry in `damage`. */
function readLines(folder: string, file: string, schema: v.GenericSchema, damage: Damage[]): unknown[] {
  const bytes = readBytes(folder, file, damage)
  if (bytes === null) return []
  const values: unknown[] = []
  let line = 0
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, start)
    const end = newline === -1 ? bytes.length : newline
    line++
    const value = parse(bytes.toString('utf8', start, end), schema)
    if ('parsed' in value) values.push(value.parsed)
    else if (newline === -1) damage.push({ file, kind: 'cut', line, problem: 'the last line is incomplete' })
    else damage.push({ file, kind: 'corrupt', line, problem: value.problem })
    start = end + 1
  }
  return values
}

function readBytes(folder: string, file: string, damage: Damage[]): Buffer | null {
  try {
    return readFileSync(join(folder, file))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      damage.push({ file, kind: 'corrupt', problem: reasonOf(error) })
    else if (!mayBeMissing.has(file)) damage.push({ file, kind: 'missing', problem: 'the run did not write it' })
    return null
  }
}

function parse(text: string, schema: v.GenericSchema): { parsed: unknown } | { problem: string } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { problem: reasonOf(error) }
  }
  const result = v.safeParse(schema, value)
  return result.success ? { parsed: value } : { problem: issueText(result.issues) }
}

function issueText([issue]: [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  const path = v.getDotPath(issue)
  return path ? `${path}: ${issue.message}` : issue.message
}

/** What Node and JSON.parse throw are Errors. */
function reasonOf(error: unknown): string {
  return (error as Error).message
}

function unreadable(path: string, reason: string, cause?: unknown): NslabError {
  return new NslabError('FILE_UNREADABLE', { path, reason }, { cause })
}
