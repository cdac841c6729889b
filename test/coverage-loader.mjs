// For `npm run coverage`: sources are taken from dist/, as tsc wrote them. What tsx makes of a file is one line, in
// which V8's ranges don't map back: a class that was never used counted as covered.

import { register } from 'node:module'

const hooks = `
  import { readFile } from 'node:fs/promises'
  const source = /^(file:.*)\\/src\\/((?:base|config|topology|addressing|protocol|judge|report)\\/.*)\\.ts$/
  export const resolve = async (specifier, context, next) => {
    const found = await next(specifier, context)
    const [, root, path] = source.exec(found.url.replace(/\\?.*/, '')) ?? []
    return root === undefined ? found : { url: root + '/dist/' + path + '.js', format: 'module', shortCircuit: true }
  }
  export const load = async (url, context, next) =>
    url.includes('/dist/') && !url.includes('/node_modules/')
      ? { format: 'module', source: await readFile(new URL(url)), shortCircuit: true }
      : next(url, context)`

register(`data:text/javascript,${encodeURIComponent(hooks)}`)
