// Which compiled sources (coverage-loader.mjs) a test file is held to cover: all of its folder, where that is one of
// those covered whole.

const WHOLE = ['base', 'config', 'topology', 'addressing', 'protocol', 'judge', 'report']

/** @param {string} test path of a test file @returns {string[] | null} globs of sources; null: none */
export default test => {
  const folder = test.split('/')[1] ?? ''
  return WHOLE.includes(folder) ? [`dist/${folder}/**/!(*types).js`] : null
}
