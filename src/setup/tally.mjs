// @ts-check
// Reads tap's output as it comes: one line for each test file, the diagnostics of what failed, and the counts.

import { Parser } from 'tap-parser'

/** Diagnostics that say where a failure was met by the runner, not what failed. */
const NOISE = ['stdio', 'cwd', 'externalID', 'command', 'args', 'jobId', 'buffered', 'typeName', 'isToplevel']

/**
 * Assertions, and failures outside of any.
 * @typedef {{ readonly name: string, passed: number, failed: number }} FileTally
 * @typedef {object} Tally
 * @property {number} passed
 * @property {number} failed
 * @property {readonly string[]} problems
 * @property {readonly FileTally[]} failedFiles
 */

/**
 * @param {NodeJS.ReadableStream} stream TAP @param {(line: string) => void} print
 * @param {(reason: string) => boolean} [mayBeSkipped] reasons of skips that are only told
 * @returns {Promise<Tally>}
 */
export const tally = (stream, print, mayBeSkipped = () => false) =>
  new Promise((resolve, reject) => {
    const counts = {
      passed: 0,
      failed: 0,
      problems: /** @type {string[]} */ ([]),
      failedFiles: /** @type {FileTally[]} */ ([]),
    }
    const parser = new Parser()
    let file = { name: '', passed: 0, failed: 0 }
    parser.on('child', child => {
      file = { name: child.name, passed: 0, failed: 0 }
    })
    parser.on('pass', () => {
      counts.passed += 1
      file.passed += 1
    })
    const fail = (/** @type {string} */ text, of = file) => {
      counts.failed += 1
      of.failed += 1
      print(text)
    }
    parser.on('fail', result => {
      // Of a file that took too long tap tells once more at the top, perhaps after others.
      const late = counts.failedFiles.find(({ name }) => name === result.diag?.expired)
      fail(`not ok ${titleOf(result)}${diagnosticsOf(result.diag)}`, late)
    })
    for (const kind of /** @type {const} */ (['skip', 'todo'])) {
      parser.on(kind, result => {
        if (kind === 'skip' && mayBeSkipped(String(result.skip))) print(`skip   ${titleOf(result)}: ${result.skip}`)
        else fail(`not ok ${titleOf(result)}\n    ${kind}: ${result[kind]} (a test may not be left out)`)
      })
    }
    parser.on('assert', result => {
      if (result.name !== file.name) return
      const ok = result.ok && file.failed === 0
      if (!ok) counts.failedFiles.push(file)
      const failed = file.failed > 0 ? `, ${file.failed} failed` : ''
      const time = result.time === null ? '' : ` (${(result.time / 1000).toFixed(1)} s)`
      print(`${ok ? 'ok    ' : 'not ok'} ${result.name}: ${file.passed} passed${failed}${time}`)
    })
    // What is no TAP at the top is tap's own, such as the table of coverage; what tests print is further in.
    parser.on('extra', text => print(text.trimEnd()))
    parser.on('bailout', reason => counts.problems.push(`bailed out: ${reason}`))
    parser.on('complete', results => {
      // A plan that was not kept is no assertion, and has failed all the same.
      if (!results.ok && counts.failed + counts.problems.length === 0) {
        counts.problems.push(`the output of tap is not whole: ${JSON.stringify(results.failures)}`)
      }
      resolve(counts)
    })
    stream.on('error', reject)
    stream.pipe(parser)
  })

/** @param {{ fullname: string, name: string }} result */
const titleOf = result => (result.fullname === '' ? result.name : result.fullname)

/** @param {unknown} diag @returns {string} as indented lines, what matters only */
const diagnosticsOf = diag => {
  if (diag === null || typeof diag !== 'object') return ''
  const lines = []
  for (const [key, value] of Object.entries(diag)) {
    if (NOISE.includes(key)) continue
    const text = typeof value === 'string' ? value.trimEnd() : JSON.stringify(value)
    lines.push(
      ...(text.includes('\n') ? [`${key}:`, ...text.split('\n').map(line => `  ${line}`)] : [`${key}: ${text}`]),
    )
  }
  return lines.map(line => `\n    ${line}`).join('')
}
