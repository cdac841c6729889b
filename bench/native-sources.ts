// Sources of the addon by what they make up, for native programs of benchmarks and tests: paths below native/.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const native = fileURLToPath(new URL('../native', import.meta.url))

/** Every source of a folder of native/, without those of folders in it. */
export const sourcesOf = (folder: string): string[] =>
  readdirSync(join(native, folder))
    .filter(name => name.endsWith('.cc'))
    .sort()
    .map(name => `${folder}/${name}`)

/** What links need, without the packet engine. */
export const linkSources: readonly string[] = [
  ...sourcesOf('base'),
  ...['netns', 'socket', 'switch_log'].map(name => `netns/${name}.cc`),
  ...sourcesOf('engine'),
  ...sourcesOf('engine/udp'),
]

/** The whole packet engine, max mode included, and the links that it serves. */
export const engineSources: readonly string[] = [
  ...linkSources,
  ...['packets', 'lossless', 'lanes', 'max'].flatMap(unit => sourcesOf(`engine/${unit}`)),
]
