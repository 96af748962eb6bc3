/** Codex from the registry, as one person starts it. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { execute } from '../support/cli.ts'
import type { Person } from './person.ts'
import { programOf } from './registry.ts'
import type { ResponsesApi } from './responses-api.ts'

const PROGRAM = programOf('@openai/codex', 'bin/codex')
export const CODEX = PROGRAM.version

/** One prompt. @returns every skill that it tells its model of, as `name: description` */
export async function skillsOfCodex(api: ResponsesApi, person: Person): Promise<string[]> {
  await useStandIn(person, api.url)
  const before = api.asked.length
  const ran = await execute(PROGRAM.path, ['exec', '--skip-git-repo-check', 'hike'], {
    cwd: person.project,
    env: { HOME: person.home, CODEX_HOME: join(person.home, '.codex'), STAND_IN_KEY: 'dummy' },
  })
  const asked = api.asked[before]
  if (ran.exit !== 0 || asked === undefined)
    throw new Error(`Codex ended with ${ran.exit}: ${ran.stdout}${ran.stderr}`)
  const lines = asked.matchAll(/^- (.+?: .*?) \(file: .+\/SKILL\.md\)$/gm)
  return [...lines].map(([, line = '']) => line)
}

async function useStandIn(person: Person, url: string): Promise<void> {
  const directory = join(person.home, '.codex')
  await mkdir(directory, { recursive: true })
  const provider = `model_providers.stand-in = { name = "stand-in", base_url = "${url}/v1", wire_api = "responses", env_key = "STAND_IN_KEY" }`
  await person.prepend('.codex/config.toml', `model_provider = "stand-in"\n${provider}\n`)
}
