// The border to the controller: text in, a message whose fields have the right types out.

import type { ControllerMessage } from '../protocol/messages.ts'

type Fields = Readonly<Record<string, unknown>>

const isId = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0
const isText = (value: unknown): boolean => typeof value === 'string'
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null

/** What each message must hold for the fleet to act on it; a message of another type is passed on as it is. */
const checks: Readonly<Record<string, (m: Fields) => boolean>> = {
  StartUp: m =>
    isId(m.node_id) &&
    /^[0-9a-f]{32}$/.test(String(m.run_id)) &&
    Array.isArray(m.neighbours) &&
    m.neighbours.every(isId),
  AddNode: m => isId(m.remote_node_id) && isText(m.remote_addr),
  RemoveNode: m => isId(m.remote_node_id),
  InstallRoutes: m => Array.isArray(m.routes),
  SetLinkRate: m => isId(m.node_id) && isObject(m.rate),
  RemoveFlows: m => Array.isArray(m.controller_ids),
  AddFlows: m => Array.isArray(m.flows),
  Refused: m => isText(m.code) && isText(m.reason),
}

/** Null when the text is not JSON, not a message, or a message with a field missing or of the wrong type. */
export function parseControllerMessage(text: string): ControllerMessage | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (!isObject(value) || typeof value.type !== 'string') return null
  const check = Object.hasOwn(checks, value.type) ? checks[value.type] : undefined
  return check === undefined || check(value) ? (value as unknown as ControllerMessage) : null
}
