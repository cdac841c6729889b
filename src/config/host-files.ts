// Hosts with dataplane files of their own: [[host]] file = "VM1-config.toml", as Nextmini publishes one a machine. Their
// ids must be 1 to N without gap or overlap; their addresses are planned, whatever bridge_ip the files say.

import { dirname, resolve } from 'node:path'
import { readDataplane } from './dataplane.ts'
import type { Path } from './locate.ts'
import type { Problems, TomlTable } from './problems.ts'
import type { DataplaneConfig } from './types.ts'

/** Gives the text of a file that the scenario names; throws FILE_UNREADABLE. */
export type ReadText = (path: string) => string

/**
 * Reads the file of each host. `shared`: the scenario's own [dataplane] keys, over those of every file. In the order of
 * their ids.
 */
export function readHostFiles(
  files: readonly string[],
  scenarioFile: string,
  shared: TomlTable,
  path: Path,
  problems: Problems,
  readText: ReadText,
): DataplaneConfig[] {
  const configs = files.map((name, index) => {
    const at = [...path, index, 'file']
    const file = resolve(dirname(scenarioFile), name)
    const config = readDataplane({ ...problems.parse(readText(file), file, at), ...shared }, at, problems)
    return { config, at, name }
  })
  configs.sort((a, b) => a.config.nodeIdOffset - b.config.nodeIdOffset)
  let next = 1
  let before = ''
  for (const { config, at, name } of configs) {
    const first = config.nodeIdOffset + 1
    const last = config.nodeIdOffset + config.nNodes
    if (first < next)
      problems.add({
        path: at,
        value: name,
        problem: `has ids ${first} to ${last}, which overlap those up to ${next - 1} of "${before}": set node_id_offset`,
      })
    else if (first > next)
      problems.add({ path: at, value: name, problem: `has ids from ${first} on; nobody has ${next} to ${first - 1}` })
    next = Math.max(next, last + 1)
    before = name
  }
  return configs.map(({ config }) => config)
}
