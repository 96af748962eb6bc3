/** Codex from the registry, as one user starts it. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Agent, shownBy } from './agent.ts'
import { PLACES, SETTINGS, SHIPPED } from './fixtures/codex.ts'
import { RESPONSES } from './model-api.ts'
import { programOf } from './registry.ts'
import type { TestUser } from './user.ts'

const PROGRAM = programOf('@openai/codex', 'bin/codex')

export const CODEX: Agent = {
  name: 'Codex',
  version: PROGRAM.version,
  dialect: RESPONSES,
  shipped: SHIPPED,
  places: PLACES,
  settings: SETTINGS,
  ties: [],
  skillsOf: async (api, user) => {
    await useStandIn(user, api.url)
    const shown = await shownBy('Codex', api, [PROGRAM.path, 'exec', '--skip-git-repo-check', 'hike'], {
      cwd: user.project,
      env: { HOME: user.home, CODEX_HOME: join(user.home, '.codex'), STAND_IN_KEY: 'dummy' },
    })
    const lines = shown.matchAll(/^- (.+?: .*?) \(file: .+\/SKILL\.md\)$/gm)
    return [...lines].map(([, line = '']) => line)
  },
}

async function useStandIn(user: TestUser, url: string): Promise<void> {
  await mkdir(join(user.home, '.codex'), { recursive: true })
  const provider = `model_providers.stand-in = { name = "stand-in", base_url = "${url}/v1", wire_api = "responses", env_key = "STAND_IN_KEY" }`
  await user.prepend('.codex/config.toml', `model_provider = "stand-in"\n${provider}\n`)
}
