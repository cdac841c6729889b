// nslab's programs as few files: a guest's emulated processor takes seconds to find and link some hundred ES modules.
// A command's own chunks are loaded when that command is asked for, as on this machine; the agent's are in the
// first file. CommonJS, because loading ES modules costs 0.15 s there before the first of them runs.

import { readFile } from 'node:fs/promises'
import { basename, relative } from 'node:path'
import { build, type Metafile, type Plugin, stop, transform } from 'esbuild'

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
  /** What it loads on demand and is to start fastest: its chunks are in the entry's own file. */
  readonly fast: string
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

async function bundle({ root, entry, fast }: BundleRequest): Promise<Record<string, string>> {
  const { outputFiles, metafile } = await build({
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
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  const texts = outputFiles.map(async ({ path, text }) => [relative(root, path), await asCommonJs(text, path)] as const)
  return packed(Object.fromEntries(await Promise.all(texts)), entry, eager(metafile, [entry, fast]))
}

/** Names of the chunks that these sources need before they run, and of their own. */
function eager({ outputs }: Metafile, sources: readonly string[]): Set<string> {
  const found = new Set<string>()
  const visit = (path: string): void => {
    if (found.has(path)) return
    found.add(path)
    for (const { kind, path: needed } of outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && needed in outputs) visit(needed)
    }
  }
  for (const [path, { entryPoint }] of Object.entries(outputs)) {
    if (entryPoint !== undefined && sources.includes(entryPoint)) visit(path)
  }
  return new Set([...found].map(path => basename(path)))
}

/**
 * Puts the `inside` chunks into the entry's file: finding and reading each of them takes 10 ms there. Every chunk asks
 * the entry for another one, which has it inside or requires it, so that there is one of each.
 */
function packed(files: Record<string, string>, entry: string, inside: ReadonlySet<string>): Record<string, string> {
  const isInside = (path: string): boolean => path !== entry && inside.has(basename(path))
  const chunks = Object.entries(files).filter(([path]) => isInside(path))
  const functions = chunks.map(([path, text]) => `${JSON.stringify(basename(path))}(module, exports) {\n${text}}`)
  const loader = `"use strict";
const nslabChunks = {\n${functions.join(',\n')}\n};
const nslabLoaded = new Map();
function nslabChunk(name) {
  if (!Object.hasOwn(nslabChunks, name)) return require("../../${CHUNKS}/" + name);
  let module = nslabLoaded.get(name);
  if (module !== undefined) return module.exports;
  nslabLoaded.set(name, (module = { exports: {} }));
  nslabChunks[name](module, module.exports);
  return module.exports;
}
exports.nslabChunk = nslabChunk;
`
  const others = Object.entries(files).filter(([path]) => !isInside(path) && path !== entry)
  const ask = `"use strict";\nconst { nslabChunk } = require("../../${entry}");\n`
  return Object.fromEntries([
    [entry, loader + files[entry]],
    ...others.map(([path, text]) => [path, ask + text] as const),
  ])
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
  const asking = code.replaceAll(/\brequire\("(?:\.|\.\.\/chunks)\/([\w.-]+)"\)/g, 'nslabChunk("$1")')
  return `"use strict";\n${asking.includes('nslabModule(') ? MODULE_URL : ''}${asking}`
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
