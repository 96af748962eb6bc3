/** What agents really list of a surface in the root that they share, or in their own, and whether doctor knows. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Site } from '../support/cli.ts'
import { CODEX } from './codex.ts'
import type { Fixture } from './fixtures/fixture.ts'
import { createTeamSite, placesOf, USUAL } from './fixtures/release.ts'
import { GEMINI_CLI } from './gemini-cli.ts'
import { besides } from './listing.ts'
import { ModelApi } from './model-api.ts'
import { OPENCODE } from './opencode.ts'
import { TestUser } from './user.ts'
import { agentShows, doctorSays } from './verdicts.ts'

describe.each([CODEX, GEMINI_CLI, OPENCODE])('$name $version', (agent) => {
  let api: ModelApi
  let site: Site
  let usual: readonly string[] = []

  beforeAll(async () => {
    api = await ModelApi.start(agent.dialect)
    site = await createTeamSite()
    usual = await withUser({}, (user) => agent.skillsOf(api, user))
  })
  afterAll(async () => {
    await site.remove()
    await api.close()
  })

  async function withUser<T>(
    { files }: Pick<Fixture, 'files'>,
    work: (user: TestUser) => Promise<T>,
  ): Promise<T> {
    const user = await TestUser.create(files)
    try {
      return await work(user)
    } finally {
      await user.remove()
    }
  }

  /** Besides what it lists for everybody. */
  const listedFor = async (user: TestUser): Promise<string[]> =>
    besides(usual, await agent.skillsOf(api, user)).sort()

  const cases = [
    ...[...agent.places, ...agent.settings].map((fixture) => ({ ...fixture, way: 'link' })),
    ...agent.places.map((fixture) => ({ ...fixture, way: 'copy' })),
  ]
  const joinWith = (user: TestUser, { preset = 'agents', only = USUAL, way }: Fixture & { way: string }) =>
    user.join(site, [preset, `--${way}`, ...only.flatMap((name) => ['--only', name])])

  it.each(cases)('lists what doctor says, with $name ($way)', (fixture) =>
    withUser(fixture, async (user) => {
      const { only = USUAL, lists } = fixture
      await joinWith(user, fixture)
      const lines = await listedFor(user)
      expect(lines).toEqual([...lists].sort())
      expect(await doctorSays(user)).toEqual(agentShows(placesOf(only), agent.shipped, lines))
    }),
  )

  const ties = agent.ties.map((fixture) => ({ ...fixture, way: 'link' }))
  it.each(ties)('lists one of two, and doctor does not say which, with $name', (fixture) =>
    withUser(fixture, async (user) => {
      await joinWith(user, fixture)
      const lines = await listedFor(user)
      expect(lines).toHaveLength(1)
      expect(fixture.lists).toEqual(expect.arrayContaining(lines))
      expect(await doctorSays(user)).toEqual([{ place: 'skills/quarterback', is: 'one of several' }])
    }),
  )

  it.each(['link', 'copy'])('lists no skill that the team has removed (%s)', (way) =>
    withUser({}, async (user) => {
      const own = await createTeamSite()
      try {
        await user.join(own, ['agents', `--${way}`, '--only', 'notes', '--only', 'quarterback'])
        await rm(join(own.checkout, 'skills/notes'), { recursive: true })
        await own.commit({
          'skills/quarterback/SKILL.md': '---\nname: quarterback\ndescription: anew\n---\n',
        })
        await own.publish()
        await user.skillsctl('pull')
        expect(await listedFor(user)).toEqual(['quarterback: anew'])
      } finally {
        await own.remove()
      }
    }),
  )
})
