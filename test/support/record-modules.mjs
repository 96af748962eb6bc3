// Preloaded with NODE_OPTIONS=--import: notes every module that is resolved in the file $RECORD_MODULES.
import { register } from 'node:module'

register('./record-modules-hooks.mjs', import.meta.url)
