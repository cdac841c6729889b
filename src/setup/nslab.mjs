#!/usr/bin/env node
// @ts-check
// `npx nslab …`: brings the clone up to date where that is needed, then is nslab.

import { enter } from './enter.mjs'

await enter(process.argv.slice(2))
