/** What Claude Code really lists of a surface, and whether doctor knows. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Site } from '../support/cli.ts'
import { CLAUDE_CODE, ClaudeCode } from './claude-code.ts'
import { PLACES, SETTINGS, SHIPPED } from './fixtures/claude-code.ts'
import { createTeamSite, placesOf, USUAL } from './fixtures/release.ts'
import { agentsIn, besides, skillsIn } from './listing.ts'
import { MessagesApi } from './messages-api.ts'
import { TestUser, type Tree } from './user.ts'
import { agentShows, doctorSays } from './verdicts.ts'

describe(`Claude Code ${CLAUDE_CODE}`, () => {
  let api: MessagesApi
  let site: Site
  let usual: { skills: string[]; agents: string[] } = { skills: [], agents: [] }

  beforeAll(async () => {
    api = await MessagesApi.start()
    site = await createTeamSite()
    usual = await tried({})
  })
  afterAll(async () => {
    await site.remove()
    await api.close()
  })

  /** What Claude Code tells its model on this person's machine, and what doctor says of it. */
  async function tried(files: Tree, flags?: readonly string[]) {
    const user = await TestUser.create(files)
    try {
      if (flags !== undefined) await user.join(site, ['claude-code', ...flags])
      const { text } = await new ClaudeCode(api, user).print('hike')
      const verdicts = flags === undefined ? [] : await doctorSays(user)
      return { skills: skillsIn(text), agents: agentsIn(text), verdicts }
    } finally {
      await user.remove()
    }
  }

  const cases = [
    ...[...PLACES, ...SETTINGS].map((fixture) => ({ ...fixture, way: 'link' })),
    ...PLACES.map((fixture) => ({ ...fixture, way: 'copy' })),
  ]
  it.each(cases)(
    'lists what doctor says, with $name ($way)',
    async ({ files = {}, only = USUAL, lists, way }) => {
      const { skills, verdicts } = await tried(files, [
        `--${way}`,
        ...only.flatMap((name) => ['--only', name]),
      ])
      const lines = besides(usual.skills, skills)
      expect(lines.sort()).toEqual([...lists].sort())
      expect(verdicts).toEqual(agentShows(placesOf(only), SHIPPED, lines))
    },
  )

  it.each(['--link', '--copy'])('knows the agents of a release (%s)', async (way) => {
    const { agents } = await tried({}, [way])
    expect(besides(usual.agents, agents)).toEqual(['scout: looks ahead'])
  })
})
