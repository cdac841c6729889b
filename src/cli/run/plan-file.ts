// A run's plan.json, read to be run again as it is: only where this nslab plans its scenario to the very same bytes.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { NslabError } from '../../base/errors.ts'
import { loadScenario, readText } from '../../config/load.ts'
import type { Scenario } from '../../config/types.ts'
import { digestOf, scheduleOf } from '../../lab/churn/schedule.ts'
import { makePlan, planToJson } from '../../lab/plan/plan.ts'
import { planSoak } from '../../lab/plan/soak.ts'
import type { Plan } from '../../plan.ts'

const SCHEMA = 'nslab.plan/1'

/**
 * Reads a plan. Throws FILE_UNREADABLE, and USAGE {problem, path} for what is none, or one that this nslab would run as
 * something else.
 */
export function readPlan(path: string): Plan {
  const plan = parsePlan(path)
  const strange = strangeKeys(plan.scenario)
  if (strange.length > 0) throw otherNslab(path, strange.join(', '))
  checkOperations(path, plan)
  let again: Plan
  try {
    if (isLonger(plan)) throw new NslabError('USAGE', { problem: 'this nslab plans churn otherwise' })
    const { soak } = plan.scenario
    const operations = plan.churn?.operations
    again =
      soak === undefined || operations === undefined
        ? makePlan(plan.scenario)
        : planSoak(plan.scenario, soak, operations)
  } catch (error) {
    throw otherNslab(path, error instanceof NslabError ? error.message : 'its scenario makes no plan here', error)
  }
  const different = differentKeys(plan, again)
  if (different.length > 0) throw otherNslab(path, `this nslab plans ${different.join(', ')} otherwise`)
  return plan
}

/** The text of the scenario that the plan was made from, where it lies beside it. */
export function scenarioTextBeside(path: string): string {
  try {
    return readFileSync(join(dirname(path), 'scenario.toml'), 'utf8')
  } catch {
    return '# Repeated from a plan that had no scenario.toml beside it.\n'
  }
}

function parsePlan(path: string): Plan {
  const text = readText(path)
  const problem = (what: string): NslabError =>
    new NslabError('USAGE', {
      problem: `${path} is no plan of nslab: ${what}`,
      hint: 'A run keeps its plan as plan.json in its folder.',
      path,
    })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw problem((error as Error).message)
  }
  const { schema, scenario } = (value ?? {}) as Partial<Record<keyof Plan, unknown>>
  if (typeof schema !== 'string' || !schema.startsWith('nslab.plan/')) throw problem(`it has no schema "${SCHEMA}"`)
  if (schema !== SCHEMA) throw otherNslab(path, `its schema is ${schema}, and this nslab has ${SCHEMA}`)
  if (!isTable(scenario)) throw problem('it has no scenario')
  return value as Plan
}

/** A schedule of the plan's own is what its digest says. */
function checkOperations(path: string, { churn }: Plan): void {
  if (churn?.operations === undefined) return
  let digest: ReturnType<typeof digestOf> | null = null
  try {
    digest = digestOf(churn.operations)
  } catch {
    // What is no list of operations has no digest.
  }
  if (digest?.digest === churn.digest && digest.ops_count === churn.ops_count) return
  throw new NslabError('USAGE', {
    problem: `${path}: churn.operations are not those of churn.digest: they were changed`,
    hint: digest === null ? 'They have to be a list of operations.' : `Theirs is ${JSON.stringify(digest)}.`,
    path,
  })
}

/** Whether its scenario has more operations than it says: a number that was changed may make them endless. */
function isLonger({ scenario, churn }: Plan): boolean {
  if (scenario.soak === undefined || churn === undefined || churn.operations !== undefined) return false
  let count = 0
  for (const _ of scheduleOf(scenario.soak.churn, scenario.seed, scenario.run.holdS))
    if (++count > churn.ops_count) return true
  return false
}

/** Scenarios of every kind, whose keys are all that there are. */
const REFERENCES = { soak: 'selfcheck', connections: 'connections', fleet: 'ring' } as const
/** Tables of a scenario in which this nslab has to know every key. */
const TABLES = ['', 'run', 'hosts', 'soak', 'soak.churn', 'soak.collector', 'soak.observer', 'connections'] as const
/** The last two: plans of before have none, which means what it did then. */
const OPTIONAL_KEYS: ReadonlySet<string> = new Set([
  'run.out',
  'hosts.image',
  'hosts.kernel',
  'hosts.mtu',
  'soak.churn.connectionTable',
  'soak.observer.helpers',
])

/** Null is of every kind. */
const isOfKind = (value: unknown, known: unknown): boolean =>
  value === null || known === null || (typeof value === typeof known && value !== Number.POSITIVE_INFINITY)

/** Keys that a plan of this nslab has not, that it lacks, or whose value is of another kind: as clauses. */
function strangeKeys(scenario: Scenario): string[] {
  const kind = scenario.soak !== undefined ? 'soak' : scenario.connections !== undefined ? 'connections' : 'fleet'
  const reference: unknown = JSON.parse(JSON.stringify(loadScenario(REFERENCES[kind]).scenario))
  return TABLES.flatMap(table => {
    const [given, known] = [tableAt(scenario, table), tableAt(reference, table)]
    const pathOf = (key: string): string => (table === '' ? key : `${table}.${key}`)
    const surplus = Object.keys(given).filter(key => !(key in known) && !OPTIONAL_KEYS.has(pathOf(key)))
    const missing = Object.keys(known).filter(key => !(key in given) && !OPTIONAL_KEYS.has(pathOf(key)))
    const others = Object.keys(given).filter(key => key in known && !isOfKind(given[key], known[key]))
    return [
      ...others.map(key => `its scenario.${pathOf(key)} is of another kind`),
      ...surplus.map(key => `this nslab does not know its scenario.${pathOf(key)}`),
      ...missing.map(key => `it lacks scenario.${pathOf(key)}`),
    ]
  })
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function tableAt(root: unknown, path: string): Record<string, unknown> {
  const value = path === '' ? root : path.split('.').reduce<unknown>((at, key) => (isTable(at) ? at[key] : null), root)
  return isTable(value) ? value : {}
}

/** Keys of the plan, and those of its churn, whose text is not the same. */
function differentKeys(plan: Plan, expected: Plan): string[] {
  const [given, wanted] = [plan, expected] as unknown as [Record<string, unknown>, Record<string, unknown>]
  return [...new Set([...Object.keys(given), ...Object.keys(wanted)])].filter(
    key =>
      planToJson({ [key]: given[key] } as unknown as Plan) !== planToJson({ [key]: wanted[key] } as unknown as Plan),
  )
}

function otherNslab(path: string, why: string, cause?: unknown): NslabError {
  const hint = `Run it with the nslab that planned it${plannerOf(path)}.`
  return new NslabError('USAGE', { problem: `${path} is a plan of another nslab: ${why}`, hint, path }, { cause })
}

/** Which nslab that was, where the run's environment says so. */
function plannerOf(path: string): string {
  try {
    const { versions, commit } = JSON.parse(readFileSync(join(dirname(path), 'environment.json'), 'utf8'))
    return ` (${[versions?.nslab, commit].filter(Boolean).join(', commit ')})`
  } catch {
    return ''
  }
}
