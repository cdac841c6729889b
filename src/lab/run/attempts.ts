// Steps that are all taken, whatever became of those before, and what went wrong with them.

import { NslabError } from '../../base/errors.ts'
import { kernelError } from '../../native/error.ts'

export class Attempts {
  readonly #failures: unknown[] = []

  /** The step's result, or `otherwise` when it threw. */
  async take<T>(step: () => T | Promise<T>, otherwise: T): Promise<T> {
    try {
      return await step()
    } catch (error) {
      this.#failures.push(error instanceof NslabError ? error : (kernelError(error) ?? error))
      return otherwise
    }
  }

  /**
   * What to tell: the first bug, else the first expected error, which is likely to have caused the others; null: all
   * went well.
   */
  get failure(): unknown {
    const bug = this.#failures.find(error => !(error instanceof NslabError))
    return bug ?? this.#failures[0] ?? null
  }
}
