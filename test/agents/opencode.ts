/** OpenCode from the registry, as one user starts it. */
import { type Agent, shownBy } from './agent.ts'
import { PLACES, SETTINGS, SHIPPED, TIES } from './fixtures/opencode.ts'
import { availableSkillsIn } from './listing.ts'
import { CHAT_COMPLETIONS } from './model-api.ts'
import { programOf } from './registry.ts'

const PROGRAM = programOf('opencode-ai', 'bin/opencode', `opencode-${process.platform}-${process.arch}`)

export const OPENCODE: Agent = {
  name: 'OpenCode',
  version: PROGRAM.version,
  dialect: CHAT_COMPLETIONS,
  shipped: SHIPPED,
  places: PLACES,
  settings: SETTINGS,
  ties: TIES,
  skillsOf: async (api, user) => {
    const shown = await shownBy('OpenCode', api, [PROGRAM.path, 'run', 'hike'], {
      cwd: user.project,
      env: {
        PATH: '/usr/bin:/bin',
        HOME: user.home,
        OPENCODE_CONFIG_CONTENT: JSON.stringify(configFor(api.url)),
        OPENCODE_DISABLE_AUTOUPDATE: '1',
        OPENCODE_DISABLE_MODELS_FETCH: '1',
      },
    })
    return availableSkillsIn(shown)
  },
}

function configFor(url: string): object {
  const model = { name: 'stand-in', tool_call: true, limit: { context: 200_000, output: 8_000 } }
  const options = { baseURL: `${url}/v1`, apiKey: 'dummy' }
  const provider = { npm: '@ai-sdk/openai-compatible', name: 'local', options, models: { 'stand-in': model } }
  return { model: 'local/stand-in', small_model: 'local/stand-in', provider: { local: provider } }
}
