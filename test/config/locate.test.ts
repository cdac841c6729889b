import { parse, TomlError } from 'smol-toml'
import t from 'tap'
import { Locations, type Path } from '../../src/config/locate.ts'
import { isTable } from '../../src/config/table.ts'
import { seededRounds } from '../fixtures/seeds.ts'
import { randomToml } from '../fixtures/toml.ts'

/** Every key and array element below `value`. */
function pathsOf(value: unknown, at: Path = []): Path[] {
  const children = Array.isArray(value) ? [...value.entries()] : isTable(value) ? Object.entries(value) : []
  return children.flatMap(([key, child]) => [[...at, key], ...pathsOf(child, [...at, key])])
}

function parseOrNull(text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    if (error instanceof TomlError) return null
    throw error
  }
}

t.test('a random document: every key and element that the parser returns has a position, and no other', t => {
  let documents = 0
  let paths = 0
  for (const random of seededRounds(t, 4000)) {
    const text = randomToml(random)
    const document = parseOrNull(text)
    if (document === null) continue
    documents++
    const locations = new Locations(text)
    for (const path of pathsOf(document)) {
      paths++
      const position = locations.exact(path)
      if (position === null) t.fail('a key without a position', { text, path })
      else if (!pointsAt(text, position, path)) t.fail('a position that is not the key', { text, path, position })
    }
    if (locations.size !== pathsOf(document).length) t.fail('positions of what is not there', { text })
  }
  t.ok(documents > 500, `${documents} documents were valid`)
  t.ok(paths > 3000, `${paths} paths were looked up`)
  t.end()
})

/** Does the text at the position begin with the key, as it or quoted? Elements need only be within the text. */
function pointsAt(text: string, { line, column }: { line: number; column: number }, path: Path): boolean {
  const rest = text.split('\n')[line - 1]?.slice(column - 1)
  const key = path.findLast(part => typeof part === 'string')
  if (rest === undefined || rest === '') return false
  return (
    typeof path.at(-1) === 'number' || rest.startsWith(key as string) || rest.startsWith('"') || rest.startsWith("'")
  )
}

t.test('positions count lines and columns from 1', t => {
  const text = 'a = 1\n[b]\n  c.d = [10,\n 20]\n[[e]]\nf = { g = 2 }\n[[e]]\n[e.h]\ni = 3'
  const locations = new Locations(text)
  const at = (...path: Path) => locations.exact(path)
  t.same(at('a'), { line: 1, column: 1 })
  t.same(at('b'), { line: 2, column: 2 })
  t.same(at('b', 'c'), { line: 3, column: 3 })
  t.same(at('b', 'c', 'd'), { line: 3, column: 5 })
  t.same(at('b', 'c', 'd', 1), { line: 4, column: 2 })
  t.same(at('e', 0, 'f', 'g'), { line: 6, column: 7 })
  t.same(at('e', 1), { line: 7, column: 3 })
  t.same(at('e', 1, 'h', 'i'), { line: 9, column: 1 })
  t.equal(at('e', 2), null)
  t.end()
})

t.test('what is not there is found at the nearest table above it', t => {
  const locations = new Locations('\n[a]\nb = 1')
  t.same(locations.nearest(['a', 'missing', 'deeper']), { line: 2, column: 2 })
  t.same(locations.nearest(['elsewhere']), { line: 1, column: 1 })
  t.end()
})
