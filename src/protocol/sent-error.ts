// Errors that cross from one process to another: as JSON, and back as what was thrown.

import { type ErrorCode, errorTable, NslabError } from '../base/errors.ts'

/** An error that crosses: `code` and `facts` of an NslabError, or code BUG with a stack. */
export interface SentError {
  readonly code: string
  readonly message: string
  readonly hint?: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** `code` and `facts` of an NslabError; of anything else code BUG with its stack. */
export function sentError(error: unknown): SentError {
  if (error instanceof NslabError) {
    const { code, facts, message, hint } = error
    return { code, facts, message, ...(hint === undefined ? {} : { hint }) }
  }
  return { code: 'BUG', facts: {}, message: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}

/** The error that was sent. `where`: whose bug it is, where it is one. */
export function receivedError({ code, facts, message }: SentError, where: string): Error {
  return code in errorTable ? new NslabError(code as ErrorCode, facts) : new Error(`in ${where}: ${message}`)
}
