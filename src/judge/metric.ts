// A metric of a run: its value and where it was read, or why it is not known.

export interface Reading {
  readonly value: number
  /** Where the value was read, as a sentence for the report. */
  readonly evidence: string
}

export type Metric =
  | ({
      readonly known: true
      /** What other observers saw; a gate that would judge these differently proves nothing. */
      readonly others: readonly Reading[]
      /** Why a gate that passes proves nothing (`of` pass), or none that passes or fails (`of` both). */
      readonly doubt?: { readonly of: 'pass' | 'both'; readonly why: string } | undefined
    } & Reading)
  | {
      readonly known: false
      readonly why: string
      /** Nobody claimed to tell it: a gate on it is not applicable. */
      readonly untold?: true
    }

export type Metrics = Readonly<Record<string, Metric>>

/** Of a derivation or a gate that crashed: a bug of the judge's, and never a pass. */
export const crashWords = (error: unknown): string =>
  `the judge failed: ${error instanceof Error ? error.message : String(error)}`

export const unknown = (why: string): Metric => ({ known: false, why })
/** Of what the observed program never claimed to tell. */
export const untold = (why: string): Metric => ({ known: false, why, untold: true })
export const known = (value: number, evidence: string, others: readonly Reading[] = []): Metric => ({
  known: true,
  value,
  evidence,
  others,
})
