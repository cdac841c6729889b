// The addon's errors as expected errors of nslab.

import { NslabError } from '../base/errors.ts'

/** What every error of the addon carries, beside its message. */
export interface NativeError extends Error {
  /** errno name: "EEXIST". */
  readonly code: string
  readonly errno: number
  readonly operation: string
  readonly where: string
  /** The kernel's own words. */
  readonly reason: string
}

/** Whether `error` came from the addon, which names operation and place. */
export function isNativeError(error: unknown): error is NativeError {
  const { code, operation, where, reason } = (error ?? {}) as Partial<NativeError>
  return error instanceof Error && [code, operation, where, reason].every(part => typeof part === 'string')
}

/** The addon's error as KERNEL_REFUSED {operation, where, errno, reason}, with its cause; undefined for any other. */
export function kernelError(error: unknown): NslabError | undefined {
  if (!isNativeError(error)) return undefined
  const { operation, where, code: errno, reason } = error
  return new NslabError('KERNEL_REFUSED', { operation, where, errno, reason }, { cause: error })
}
