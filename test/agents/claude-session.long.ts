/** When an update reaches Claude Code: under an open session, or between two of them. */
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Site } from '../support/cli.ts'
import { CLAUDE_CODE, ClaudeCode } from './claude-code.ts'
import { createTeamSite } from './fixtures/release.ts'
import { nameOf, skillsIn } from './listing.ts'
import { MessagesApi, type Turn } from './messages-api.ts'
import type { Terminal } from './terminal.ts'
import { skill, TestUser } from './user.ts'

const USES_QB: Turn = { uses: 'Skill', input: { skill: 'qb' } }
const USES_QUARTERBACK: Turn = { uses: 'Skill', input: { skill: 'quarterback' } }

describe(`Claude Code ${CLAUDE_CODE}`, () => {
  let api: MessagesApi
  let site: Site
  let user: TestUser
  let claude: ClaudeCode
  let turns = 0
  const open: Terminal[] = []

  beforeAll(async () => {
    api = await MessagesApi.start()
  })
  afterAll(() => api.close())
  beforeEach(async () => {
    site = await createTeamSite()
    user = await TestUser.create({ '.claude/skills/mine/SKILL.md': skill('mine', 'is mine') })
    claude = new ClaudeCode(api, user)
  })
  afterEach(async () => {
    for (const terminal of open.splice(0)) await terminal.close()
    await user.remove()
    await site.remove()
  })

  async function session(): Promise<Terminal> {
    const terminal = await claude.open()
    open.push(terminal)
    return terminal
  }

  /** The author renames a skill and edits it, and this machine hears of it. */
  async function update(): Promise<void> {
    const skills = join(site.checkout, 'skills')
    await rename(join(skills, 'quarterback'), join(skills, 'qb'))
    await site.commit({ 'skills/qb/SKILL.md': skill('qb', 'calls it anew') })
    await site.publish()
    await user.skillsctl('pull')
  }

  /** One prompt, and what the model does then. @returns what the model was shown from this prompt on */
  async function turn(terminal: Terminal, ...does: readonly Turn[]): Promise<string> {
    turns += 1
    const prompt = `this is prompt ${turns}.`
    const says = `this is answer ${turns}.`
    api.script.push(...does, { says })
    await terminal.type(prompt)
    await terminal.shows(says)
    const { text } = api.last
    return text.slice(text.lastIndexOf(prompt))
  }

  /**
   * Watchers need a moment. A skill of the person's own that is made after an update, and announced, tells that the
   * session has seen the update as well. @returns all that was announced meanwhile
   */
  async function announcements(terminal: Terminal): Promise<string[]> {
    await user.write({ '.claude/skills/marker/SKILL.md': skill('marker', 'is a marker') })
    const announced: string[] = []
    return vi.waitFor(
      async () => {
        announced.push(...skillsIn(await turn(terminal)))
        expect(announced.map(nameOf)).toContain('marker')
        return announced
      },
      { timeout: 60_000, interval: 500 },
    )
  }

  it.each(['--link', '--copy'])(
    'has an update in its open session, on a surface that follows at once (%s)',
    async (way) => {
      await user.join(site, ['claude-code', '--switch', 'now', way])
      const terminal = await session()
      const begin = await turn(terminal, USES_QUARTERBACK)
      expect(skillsIn(begin)).toEqual(
        expect.arrayContaining(['quarterback: calls the play', 'mine: is mine']),
      )
      expect(begin).toContain('The body of calls the play.')
      await update()
      expect(await announcements(terminal)).toContain('qb: calls it anew')
      const later = await turn(terminal, USES_QB)
      expect(later).toContain(`Base directory for this skill: ${join(user.home, '.claude/skills/qb')}`)
      expect(later).toContain('The body of calls it anew.')
      expect(await turn(terminal, USES_QUARTERBACK)).toContain('Unknown skill: quarterback')
    },
  )

  it.each(['--link', '--copy'])(
    'keeps its skills to the end of a session, and begins the next one with new ones (%s)',
    async (way) => {
      await user.join(site, ['claude-code', '--switch', 'session', way])
      await user.skillsctl('surface', 'hook', 'claude-code', '--install')
      const terminal = await session()
      await turn(terminal)
      await update()
      expect((await announcements(terminal)).map(nameOf)).not.toContain('qb')
      expect(await turn(terminal, USES_QUARTERBACK)).toContain('The body of calls the play.')
      await terminal.type('/exit')
      await terminal.ended()
      const next = skillsIn(await turn(await session()))
      expect(next).toContain('qb: calls it anew')
      expect(next.map(nameOf)).not.toContain('quarterback')
    },
  )

  it('shows new skills in the very session whose start switched the surface', async () => {
    await user.join(site, ['claude-code', '--switch', 'session'])
    await user.skillsctl('surface', 'hook', 'claude-code', '--install')
    await update()
    const { stdout } = await user.skillsctl('surface', 'list')
    expect(stdout).toContain('waits')
    const announced = skillsIn(await turn(await session()))
    expect(announced).toContain('qb: calls it anew')
    expect(announced.map(nameOf)).not.toContain('quarterback')
  })

  it('shows them without a terminal, too', async () => {
    await user.join(site, ['claude-code', '--switch', 'session'])
    await user.skillsctl('surface', 'hook', 'claude-code', '--install')
    await update()
    const announced = skillsIn((await claude.print('hike')).text)
    expect(announced).toContain('qb: calls it anew')
    expect(announced.map(nameOf)).not.toContain('quarterback')
  })

  it('tells its model when the machine is pinned, and otherwise nothing', async () => {
    await user.join(site, ['claude-code', '--switch', 'session'])
    await user.skillsctl('surface', 'hook', 'claude-code', '--install')
    expect((await claude.print('hike')).text).not.toContain('skillsctl:')
    await user.skillsctl('pin')
    expect((await claude.print('hike')).text).toMatch(
      /skillsctl: skills are of release .*; this machine is pinned to /,
    )
  })
})
