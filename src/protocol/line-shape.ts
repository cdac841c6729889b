// What a line of JSON must hold, each kind (`is`) its own keys. Checked by tables of our own: there are millions of
// them, and a schema library takes longer for one than parsing its JSON does.

export type Check = (value: unknown) => boolean
export type Shape = readonly (readonly [key: string, check: Check, what: string])[]
export type Fields = Readonly<Record<string, unknown>>
export type Shapes = Readonly<Record<string, Shape>>

/** What a line says, or what is wrong with it; null: it says nothing that is known here. */
export type Parsed<Line> = { readonly line: Line } | { readonly problem: string } | null

export const time: Check = value => typeof value === 'number' && Number.isFinite(value)
export const count: Check = value => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
export const text: Check = value => typeof value === 'string'
const flag: Check = value => typeof value === 'boolean'
const orNull =
  (check: Check): Check =>
  value =>
    value === null || check(value)
export const absentOr =
  (check: Check): Check =>
  value =>
    value === undefined || check(value)
export const oneOf =
  (...words: readonly unknown[]): Check =>
  value =>
    words.includes(value)
export const listOf =
  (check: Check): Check =>
  value =>
    Array.isArray(value) && value.every(check)

export const times = (...keys: string[]): Shape => keys.map(key => [key, time, 'a time in s'])
export const counts = (...keys: string[]): Shape => keys.map(key => [key, count, 'a count'])
export const texts = (...keys: string[]): Shape => keys.map(key => [key, text, 'a text'])
export const flags = (...keys: string[]): Shape => keys.map(key => [key, flag, 'true or false'])
export const nullable = (shape: Shape): Shape =>
  shape.map(([key, check, what]) => [key, orNull(check), `${what} or null`])

/** The problem of what is JSON and has no kind. */
export const SAYS_NOT_WHAT = 'it does not say what it is'

/** A line of one of the kinds of `shapes`. */
export function parseLine<Line>(line: string, shapes: Shapes): Parsed<Line> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    return { problem: (error as Error).message }
  }
  if (typeof value !== 'object' || value === null || typeof (value as Fields).is !== 'string')
    return { problem: SAYS_NOT_WHAT }
  const fields = value as Fields
  const is = fields.is as string
  const shape = Object.hasOwn(shapes, is) ? shapes[is] : undefined
  if (shape === undefined) return null
  for (const [key, check, what] of shape)
    if (!check(fields[key])) return { problem: `${key} of "${is}" must be ${what}` }
  return { line: value as Line }
}
