// @ts-check
// `npm start [-- args]`: brings the clone up to date, then is nslab. Without arguments: the ring scenario.

import { enter } from './enter.mjs'

const args = process.argv.slice(2)
await enter(args.length === 0 ? ['run', 'ring'] : args)
