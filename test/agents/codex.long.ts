/** What Codex really lists of a surface, and whether doctor knows. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Site } from '../support/cli.ts'
import { CODEX, skillsOfCodex } from './codex.ts'
import { FIXTURES, SHIPPED } from './fixtures/codex.ts'
import { createTeamSite, placesOf, USUAL } from './fixtures/release.ts'
import { besides } from './listing.ts'
import { ResponsesApi } from './responses-api.ts'
import { TestUser, type Tree } from './user.ts'
import { agentShows, doctorSays } from './verdicts.ts'

describe(`Codex ${CODEX}`, () => {
  let api: ResponsesApi
  let site: Site
  let usual: readonly string[] = []

  beforeAll(async () => {
    api = await ResponsesApi.start()
    site = await createTeamSite()
    usual = (await tried({})).skills
  })
  afterAll(async () => {
    await site.remove()
    await api.close()
  })

  async function tried(files: Tree, flags?: readonly string[]) {
    const user = await TestUser.create(files)
    try {
      if (flags !== undefined) await user.join(site, ['agents', ...flags])
      const skills = await skillsOfCodex(api, user)
      return { skills, verdicts: flags === undefined ? [] : await doctorSays(user) }
    } finally {
      await user.remove()
    }
  }

  const cases = ['link', 'copy'].flatMap((way) => FIXTURES.map((fixture) => ({ ...fixture, way })))
  it.each(cases)(
    'lists what doctor says, with $name ($way)',
    async ({ files = {}, only = USUAL, lists, way }) => {
      const { skills, verdicts } = await tried(files, [
        `--${way}`,
        ...only.flatMap((name) => ['--only', name]),
      ])
      const lines = besides(usual, skills)
      expect(lines.sort()).toEqual([...lists].sort())
      expect(verdicts).toEqual(agentShows(placesOf(only), SHIPPED, lines))
    },
  )
})
