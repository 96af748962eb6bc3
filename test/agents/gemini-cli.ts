/** Gemini CLI from the registry, as one user starts it. */
import { dirname } from 'node:path'
import { type Agent, shownBy } from './agent.ts'
import { PLACES, SETTINGS, SHIPPED, TIES } from './fixtures/gemini-cli.ts'
import { availableSkillsIn } from './listing.ts'
import { GEMINI } from './model-api.ts'
import { programOf } from './registry.ts'

const PACKAGE = '@google/gemini-cli'
const PROGRAM = programOf(PACKAGE, 'bundle/gemini.js', PACKAGE)
/** Any that is named: otherwise it asks another model which one to take. */
const MODEL = ['--model', 'gemini-2.5-flash']
/** Weaker than what a user has set. */
const DEFAULTS = '/etc/gemini-cli/system-defaults.json'

export const GEMINI_CLI: Agent = {
  name: 'Gemini CLI',
  version: PROGRAM.version,
  dialect: GEMINI,
  shipped: SHIPPED,
  places: PLACES,
  settings: SETTINGS,
  ties: TIES,
  skillsOf: async (api, user) => {
    await user.write({ [DEFAULTS]: '{ "security": { "auth": { "selectedType": "gemini-api-key" } } }' })
    const command = [process.execPath, PROGRAM.path, ...MODEL, '--skip-trust', '-p', 'hike'] as const
    const shown = await shownBy('Gemini CLI', api, command, {
      cwd: user.project,
      env: {
        PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
        HOME: user.home,
        GEMINI_API_KEY: 'dummy',
        GOOGLE_GEMINI_BASE_URL: api.url,
      },
    })
    return availableSkillsIn(shown)
  },
}
