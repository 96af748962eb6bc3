/** What agents that read the shared root have in common for these tests: one prompt, and what they tell their model then. */
import { execute } from '../support/cli.ts'
import type { Fixture } from './fixtures/fixture.ts'
import type { Dialect, ModelApi } from './model-api.ts'
import type { TestUser } from './user.ts'

export interface Agent {
  readonly name: string
  readonly version: string
  readonly dialect: Dialect
  /** Every skill that it tells its model of, as `name: description`. */
  readonly skillsOf: (api: ModelApi, user: TestUser) => Promise<string[]>
  /** By place: how each skill of the release is listed where nothing is in its way. */
  readonly shipped: ReadonlyMap<string, string>
  readonly places: readonly Fixture[]
  /** Whether entries are links is nothing to these. */
  readonly settings: readonly Fixture[]
  /** Of which it lists one, and nobody knows which. */
  readonly ties: readonly Fixture[]
}

/** One start. @returns all that its model was shown meanwhile */
export async function shownBy(
  agent: string,
  api: ModelApi,
  [program, ...args]: readonly [string, ...string[]],
  options: Parameters<typeof execute>[2],
): Promise<string> {
  const before = api.asked.length
  const ran = await execute(program, args, options)
  const asked = api.asked.slice(before)
  if (ran.exit === 0 && asked.length > 0) return asked.join('\n')
  throw new Error(`${agent} ended with ${ran.exit}: ${ran.stdout}${ran.stderr}`)
}
