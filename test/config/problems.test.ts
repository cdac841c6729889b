import t from 'tap'
import { keyText, Problems } from '../../src/config/problems.ts'
import { issuesOf, nslabErrorOf } from '../fixtures/issues.ts'

t.test('a path is written as a user would', t => {
  t.equal(keyText(['a', 0, 'b-c', 'd e', 12]), 'a[0].b-c."d e"[12]')
  t.equal(keyText([]), '')
  t.end()
})

t.test('nothing is thrown as long as nothing is wrong', t => {
  const problems = new Problems('x.toml')
  t.same({ ...problems.parse('a = 1', 'x.toml') }, { a: 1 })
  t.doesNotThrow(() => problems.throwIfAny())
  t.equal(problems.count, 0)
  t.end()
})

t.test('each problem is one line that begins with its place', t => {
  const problems = new Problems('x.toml')
  problems.parse('\n a = "long"\nb = 2', 'x.toml')
  problems.fromFlag(['b'], '--set b=3')
  problems.mustBe(['b'], 3, 'smaller')
  problems.mustBe(['a'], 'x'.repeat(100), 'shorter')
  const error = nslabErrorOf(() => problems.throwIfAny())
  const lines = error.facts.problems as string[]
  t.match(lines, [/^x\.toml:2:2: a = "x+…: /, /^--set b=3: b = 3: /])
  t.ok(
    lines.every(line => line.length < 120),
    'long values are cut',
  )
  t.equal(error.facts.source, 'x.toml')
  t.end()
})

t.test('without any text the source is named alone', t => {
  const problems = new Problems('somewhere')
  problems.add({ path: ['a'], problem: 'is missing' })
  t.match(
    issuesOf(() => problems.throwIfAny()),
    [{ source: 'somewhere', line: 0, column: 0, key: 'a' }],
  )
  t.end()
})

t.test('what the TOML reader throws beside syntax errors is a bug, not a problem', t => {
  t.throws(() => new Problems('x.toml').parse(undefined as never, 'x.toml'), TypeError)
  t.end()
})
