// What a shell makes of a word is what was meant.

import { spawnSync } from 'node:child_process'
import t from 'tap'
import { shellWord } from '../../src/base/shell-word.ts'

const texts = ['plain', '/a/b-c_1.d', '', ' ', "it's", '$(id)`id`', 'a\nb', '*', '~', '"', '\\', 'ä;b&c|d>e', '-n']

t.test('each is read as it is', async t => {
  for (const text of texts)
    t.equal(spawnSync('sh', ['-c', `printf %s. ${shellWord(text)}`], { encoding: 'utf8' }).stdout, `${text}.`)
  t.equal(
    shellWord('/runs/20261122T210313Z-ring-1'),
    '/runs/20261122T210313Z-ring-1',
    'without quotes where none are needed',
  )
})
