/** Codex from the registry, as one person starts it. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { execute } from '../support/cli.ts'
import { programOf } from './registry.ts'
import type { ResponsesApi } from './responses-api.ts'
import type { TestUser } from './user.ts'

const PROGRAM = programOf('@openai/codex', 'bin/codex')
export const CODEX = PROGRAM.version

/** One prompt. @returns every skill that it tells its model of, as `name: description` */
export async function skillsOfCodex(api: ResponsesApi, user: TestUser): Promise<string[]> {
  await useStandIn(user, api.url)
  const before = api.asked.length
  const ran = await execute(PROGRAM.path, ['exec', '--skip-git-repo-check', 'hike'], {
    cwd: user.project,
    env: { HOME: user.home, CODEX_HOME: join(user.home, '.codex'), STAND_IN_KEY: 'dummy' },
  })
  const asked = api.asked[before]
  if (ran.exit !== 0 || asked === undefined)
    throw new Error(`Codex ended with ${ran.exit}: ${ran.stdout}${ran.stderr}`)
  const lines = asked.matchAll(/^- (.+?: .*?) \(file: .+\/SKILL\.md\)$/gm)
  return [...lines].map(([, line = '']) => line)
}

async function useStandIn(user: TestUser, url: string): Promise<void> {
  const directory = join(user.home, '.codex')
  await mkdir(directory, { recursive: true })
  const provider = `model_providers.stand-in = { name = "stand-in", base_url = "${url}/v1", wire_api = "responses", env_key = "STAND_IN_KEY" }`
  await user.prepend('.codex/config.toml', `model_provider = "stand-in"\n${provider}\n`)
}
