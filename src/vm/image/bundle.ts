// nslab's programs as few files: a guest's emulated processor takes seconds to find and link some hundred ES modules.
// A command's own chunk is loaded when that command is asked for, as on this machine; the agent's few are read in a
// tenth of a second. CommonJS, because loading ES modules costs 0.15 s there before the first of them runs.

import { readFile } from 'node:fs/promises'
import { basename, relative } from 'node:path'
import { build, type Plugin, stop, transform } from 'esbuild'

/** What a guest has no use for, or not even this machine has. */
const LEFT_OUT = ['esbuild', 'pg-native', 'pg-cloudflare', 'bufferutil', 'utf-8-validate']

/** Where chunks are: as deep below nslab's folder as the entry, so that one way leads up from both. */
const CHUNKS = 'dist/chunks'

/** Modules find files by import.meta.url, which means another file once they are bundled. */
const MODULE_URL = `const nslabModule = path =>
  require('node:url').pathToFileURL(require('node:path').join(__dirname, '../..', path)).href;
`

export interface BundleRequest {
  /** nslab's folder. */
  readonly root: string
  /** The compiled program that starts all others: a path in `root`, two folders deep. */
  readonly entry: string
}

/** The entry and all that it imports: path in nslab's folder → text. The same inputs give the same texts. */
export async function bundlePrograms(request: BundleRequest): Promise<Record<string, string>> {
  try {
    return await bundle(request)
  } finally {
    // Its service is a process of its own, which a run would leave behind.
    await stop()
  }
}

async function bundle({ root, entry }: BundleRequest): Promise<Record<string, string>> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    // Chunks come only as ES modules.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    external: LEFT_OUT,
    legalComments: 'none',
    outdir: root,
    outbase: root,
    chunkNames: `${CHUNKS}/[name]-[hash]`,
    plugins: [placed(root, entry)],
    write: false,
    logLevel: 'silent',
  })
  const files = outputFiles.map(async ({ path, text }) => [relative(root, path), await asCommonJs(text, path)] as const)
  return Object.fromEntries(await Promise.all(files))
}

/** `import()` becomes a require that is put off: the loader of ES modules is never started. */
async function asCommonJs(text: string, path: string): Promise<string> {
  const { code } = await transform(text, {
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    supported: { 'dynamic-import': false },
    sourcefile: basename(path),
    logLevel: 'silent',
  })
  return `"use strict";\n${code.includes('nslabModule(') ? MODULE_URL : ''}${code}`
}

const placed = (root: string, entry: string): Plugin => ({
  name: 'place',
  setup({ onLoad }) {
    onLoad({ filter: /\/dist\/.*\.js$/ }, async ({ path }) => {
      const place = relative(root, path)
      if (!place.startsWith('dist/')) return undefined
      const text = (await readFile(path, 'utf8')).replaceAll('import.meta.url', `nslabModule(${JSON.stringify(place)})`)
      // CommonJS has no await at its top; there it only makes an unsettled end an exit code.
      return { contents: place === entry ? text.replace(/^await (?=main\()/m, 'void ') : text }
    })
  },
})
