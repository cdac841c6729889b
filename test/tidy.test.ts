// The style of the tree as a test: sizes, leftovers, dead files, who imports whom, and what may not be written
// anywhere.

import { join } from 'node:path'
import t from 'tap'
import { importsOf, readSource, sourceFiles } from './fixtures/source-tree.ts'

const LINES_MAX = 400
const COLUMNS_MAX = 120

/** Folders of src/ in the order of README: one imports only those before it. A file right in src/ has a rank, too. */
const ORDER = [
  ['base'],
  ['topology'],
  ['protocol'],
  ['config'],
  ['native'],
  ['addressing'],
  ['plan.ts'],
  ['controller'],
  ['dataplane'],
  ['vm'],
  ['judge'],
  ['lab'],
  ['report'],
  ['cli'],
]

/** Where programs start: nothing imports these. */
const ENTRIES = [
  'src/cli/main.ts',
  'bench/main.ts',
  'bench/profile.ts',
  ...['start', 'test', 'tap-files', 'nslab', 'bench', 'profile', 'fuzz', 'lint'].map(name => `src/setup/${name}.mjs`),
]

/** Sources that no program imports, each with its reason. */
const FOR_TESTS = [
  // The second, slow and obvious codec of what native/engine speaks; the layout is documented there.
  'src/protocol/link-handshake.ts',
  // The same of packets; documented in native/engine/packets/frame.h.
  'src/protocol/packet-frame.ts',
]

const files = sourceFiles()
const isCode = (path: string): boolean => /\.(ts|mjs|c|cc|h|nix|py|sh|toml|ya?ml)$/.test(path)
const code = files.filter(isCode)
const sources = new Map(
  files.filter(path => /^(src|bench)\/.*\.(ts|mjs)$/.test(path)).map(path => [path, readSource(path)]),
)
const imports = [...sources].flatMap(([path, text]) => importsOf(path, text))

/** The lines of all `paths` that a pattern matches, as `path:line`. */
const matches = (paths: readonly string[], pattern: RegExp): string[] =>
  paths.flatMap(path =>
    readSource(path)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}`] : [])),
  )

t.test('files stay within 400 lines', async t => {
  t.same(
    code.filter(path => readSource(path).trimEnd().split('\n').length > LINES_MAX),
    [],
  )
})

/**
 * The text with its string literals emptied, and its line breaks kept: markup and messages are not broken for a column.
 */
const withoutStrings = (text: string): string =>
  text
    .replace(/`(?:\\.|[^`\\])*`/gs, literal => literal.replace(/[^\n]+/g, ''))
    .replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, '')

t.test('lines stay within 120 columns, string literals aside', async t => {
  const long = new RegExp(`^.{${COLUMNS_MAX + 1},}$`, 'u')
  const suspects = new Set(matches(code, long))
  const lines = code.flatMap(path =>
    withoutStrings(readSource(path))
      .split('\n')
      .map((line, at) => ({ at: `${path}:${at + 1}`, line })),
  )
  t.same(
    lines.filter(({ at, line }) => suspects.has(at) && long.test(line)).map(({ at }) => at),
    [],
  )
})

t.test('no leftover marks', async t => {
  const marks = ['TO-DO', 'FIX-ME', 'XX-X', 'HA-CK'].map(mark => mark.replace('-', ''))
  t.same(matches(code, new RegExp(`\\b(${marks.join('|')})\\b`)), [])
})

t.test('a file says in its first lines what it is; a .cc beside its header may leave that to the header', async t => {
  const silent = code
    .filter(path => /^(src|native|bench)\/.*\.(ts|mjs|cc|h)$/.test(path))
    .filter(path => !/^(#!.*\n)?\/[/*]/.test(readSource(path)))
  t.same(
    silent.filter(path => !files.includes(path.replace(/\.cc$/, '.h'))),
    [],
  )
})

t.test('every source file is reached from a program', async t => {
  const reached = new Set<string>()
  const queue = [...ENTRIES, ...FOR_TESTS]
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (reached.has(path) || !sources.has(path)) continue
    reached.add(path)
    for (const { from, target } of imports) if (from === path) queue.push(target)
  }
  t.same(
    [...sources.keys()].filter(path => !reached.has(path)),
    [],
  )
})

t.test('a folder imports only folders above it, types too', async t => {
  const rank = (path: string): number => ORDER.findIndex(names => names.includes(path.split('/')[1] ?? ''))
  const typeScript = imports.filter(({ from }) => /^src\/.*\.ts$/.test(from))
  t.same(
    typeScript.filter(({ from }) => rank(from) < 0).map(({ from }) => from),
    [],
    'every folder has its place in the order',
  )
  const local = typeScript.filter(({ target }) => target.startsWith('src/'))
  t.same(
    local.filter(({ from, target }) => rank(target) > rank(from)),
    [],
  )
})

t.test('no file imports itself by way of others, types aside', async t => {
  const next = new Map<string, Set<string>>()
  for (const { from, target, typeOnly } of imports)
    if (!typeOnly) next.set(from, (next.get(from) ?? new Set()).add(target))
  const circles: string[] = []
  const done = new Set<string>()
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(' → '))
    if (done.has(path)) return
    done.add(path)
    for (const target of next.get(path) ?? []) visit(target, [...way, path])
  }
  for (const path of sources.keys()) visit(path, [])
  t.same(circles, [])
})

t.test('the set-up needs nothing installed: it imports node: and its own files', async t => {
  const foreign = imports.filter(
    ({ from, target }) => from.startsWith('src/setup/') && !/^(node:|src\/setup\/)/.test(target),
  )
  // These two are loaded when dependencies are there.
  t.same(foreign.map(({ from, target }) => [from, target]).sort(), [
    ['src/setup/tally.mjs', 'tap-parser'],
    ['src/setup/tap-files.mjs', 'tap'],
  ])
})

t.test('zx is used in one place, napi.h in one folder', async t => {
  t.same(
    [...new Set(imports.filter(({ target }) => /^zx\b/.test(target)).map(({ from }) => from))],
    ['src/base/exec.ts'],
  )
  const native = code.filter(path => path.startsWith('native/') && !path.startsWith('native/binding/'))
  t.same(matches(native, /#include\s*[<"]napi\.h/), [])
})

t.test('no default exports, no enums', async t => {
  t.same(matches([...sources.keys()], /^export default\b|^(export )?(const )?enum\b/), [])
})

t.test('no path of a machine and no name of a registry is written anywhere', async t => {
  const text = files.filter(path => !/\.(png|gz|svg)$/.test(path))
  const written = new RegExp(
    ['/wo-rk/', '/ro-ot/', '/ho-me/', 'regis-try\\.\\w', 'npm-js\\.org'].join('|').replaceAll('-', ''),
  )
  t.same(matches(text, written), [])
})

t.test('the lock file names versions and digests, never where a package was fetched', async t => {
  const lock = JSON.parse(readSource('package-lock.json')) as { packages: Record<string, Record<string, unknown>> }
  const { '': own, ...packages } = lock.packages
  t.same(
    Object.entries(packages).filter(([, entry]) => 'resolved' in entry || !('integrity' in entry)),
    [],
  )
  const { dependencies, devDependencies } = own as { dependencies: object; devDependencies: object }
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    t.equal(packages[join('node_modules', name)]?.version, version, `${name} is pinned`)
  }
})

t.test('Markdown names only files that exist', async t => {
  const gone = files
    .filter(path => path.endsWith('.md'))
    .flatMap(path =>
      [...readSource(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)/g)].map(([, target = '']) => [path, target]),
    )
    .filter(([path = '', target = '']) => !files.some(file => file.startsWith(join(path, '..', target))))
  t.same(gone, [])
})
