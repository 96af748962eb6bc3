// Preloaded with NODE_OPTIONS=--import: notes every module that is loaded in the file $RECORD_MODULES.
import { appendFileSync } from 'node:fs'
import { createRequire, register } from 'node:module'

register('./record-modules-hooks.mjs', import.meta.url)

// The hooks do not see what CommonJS requires.
const { cache } = createRequire(import.meta.url)
process.on('exit', () => appendFileSync(process.env.RECORD_MODULES, `${Object.keys(cache).join('\n')}\n`))
