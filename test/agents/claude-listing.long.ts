/** What Claude Code really lists of a surface. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Site } from '../support/cli.ts'
import { CLAUDE_CODE, ClaudeCode } from './claude-code.ts'
import { PLACES, SETTINGS } from './fixtures/claude-code.ts'
import { createTeamSite, USUAL } from './fixtures/release.ts'
import { agentsIn, besides, skillsIn } from './listing.ts'
import { MessagesApi } from './messages-api.ts'
import { Person, type Tree } from './person.ts'

describe(`Claude Code ${CLAUDE_CODE}`, () => {
  let [api, site]: [MessagesApi, Site] = [new MessagesApi(), undefined as never]
  let usual: { skills: string[]; agents: string[] } = { skills: [], agents: [] }

  beforeAll(async () => {
    api = await MessagesApi.start()
    site = await createTeamSite()
    const { text } = await asked({})
    usual = { skills: skillsIn(text), agents: agentsIn(text) }
  })
  afterAll(async () => {
    await site.remove()
    await api.close()
  })

  async function asked(files: Tree, flags?: readonly string[]) {
    const person = await Person.create(files)
    try {
      if (flags !== undefined) await person.join(site, ['claude-code', ...flags])
      return await new ClaudeCode(api, person).print('hike')
    } finally {
      await person.remove()
    }
  }

  const cases = [
    ...[...PLACES, ...SETTINGS].map((fixture) => ({ ...fixture, way: 'link' })),
    ...PLACES.map((fixture) => ({ ...fixture, way: 'copy' })),
  ]
  it.each(cases)('lists, with $name ($way)', async ({ files = {}, only = USUAL, lists, way }) => {
    const flags = [`--${way}`, ...only.flatMap((name) => ['--only', name])]
    const { text } = await asked(files, flags)
    expect(besides(usual.skills, skillsIn(text)).sort()).toEqual([...lists].sort())
  })

  it.each(['--link', '--copy'])('knows the agents of a release (%s)', async (way) => {
    const { text } = await asked({}, [way])
    expect(besides(usual.agents, agentsIn(text))).toEqual(['scout: looks ahead'])
  })
})
