// The kernels of a command line: --kernel lts,latest is a run on each.

import { NslabError } from '../../base/errors.ts'
import type { ScenarioOptions } from './scenario-options.ts'

/** Those that --kernel names, where it names several; null: a run of its own. Throws USAGE. */
export const severalKernels = ({ kernel }: ScenarioOptions): readonly string[] | null =>
  typeof kernel === 'string' && kernel.includes(',') ? kernelsOf(kernel) : null

/** The kernels that --kernel names. Throws USAGE for one that is named twice, or that is no name. */
export function kernelsOf(text: string): readonly string[] {
  const kernels = text.split(',').map(name => name.trim())
  const twice = kernels.find((name, index) => kernels.indexOf(name) !== index)
  const problem = kernels.includes('')
    ? `--kernel ${text} has an empty name in it`
    : twice !== undefined && `--kernel ${text} has ${twice} twice`
  if (problem) throw new NslabError('USAGE', { problem, hint: 'One run a kernel: --kernel lts,latest.' })
  return kernels
}

/** A kernel's run folder in that of them all. A path's last two parts tell kernels apart that are called vmlinuz. */
export const kernelFolder = (kernel: string): string => kernel.split('/').filter(Boolean).slice(-2).join('-')
