import t from 'tap'
import { escapeText, Markup, markup } from '../../src/report/markup.ts'
import { hostileName } from '../fixtures/hostile.ts'
import { parseXml } from '../fixtures/xml.ts'

t.test('text can not become markup', async t => {
  t.equal(escapeText(`<a b="c" d='e'>&`), '&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;')
})

t.test('what XML can not hold is replaced, everything else survives a parser', async t => {
  t.equal(escapeText('a\0b\ud800c\ufffe'), 'a\ufffdb\ufffdc\ufffd')
  const kept = 'tab\t newline\n emoji 😀 – ünï'
  t.equal(parseXml(`<x>${escapeText(kept)}</x>`).text, kept)
  t.equal(parseXml(`<x>${escapeText(hostileName)}</x>`).children.length, 0)
})

t.test('the template escapes strings and numbers, passes markup and lists of it, and drops null', async t => {
  const list = [markup`<i>${1}</i>`, new Markup('<b/>')]
  t.equal(markup`<p title="${'"'}">${'<'}${2}${null}${list}</p>`.text, '<p title="&quot;">&lt;2<i>1</i><b/></p>')
})
