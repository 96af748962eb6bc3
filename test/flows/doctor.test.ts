/** What doctor fixes by a pull, and `why`: with a repository behind the machine. */
import { chmod, readFile, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Git } from '../../src/archive/git.ts'
import { SkillsctlError } from '../../src/core/errors.ts'
import { type DoctorReport, doctor } from '../../src/flows/doctor.ts'
import { addSurface } from '../../src/flows/surface.ts'
import { why } from '../../src/flows/why.ts'
import { manifestPath } from '../../src/home/layout.ts'
import { currentDirectory } from '../../src/home/releases.ts'
import type { Host } from '../../src/surfaces/host.ts'
import { linesOf } from '../doctor/scene.ts'
import { createTeam, type TestMachine, temporaryDirectory } from '../support/team.ts'

const SKILL = '---\nname: review\ndescription: Reviews.\n---\n'

async function scene() {
  const team = await createTeam()
  await team.ship({
    'skills/review/SKILL.md': SKILL,
    'skills/plan/SKILL.md': SKILL.replace('review', 'plan'),
  })
  const machine = await team.joined()
  const directory = await temporaryDirectory()
  const host: Host = {
    user: { directory, variables: {} },
    platform: 'linux',
    root: join(directory, 'system'),
  }
  await addSurface(machine.context, 'claude-code', {}, host.user)
  return { team, machine, host }
}

function look({ context }: TestMachine, host: Host, fix: boolean): Promise<DoctorReport> {
  const hooks = { find: async () => ({ is: 'none' as const }), install: async () => {} }
  return doctor(context, { fix, host, hooks, machineId: undefined })
}

describe('doctor', () => {
  it('fixes `current`, from the disk or by a pull', async () => {
    const { machine, host } = await scene()
    const { layout } = machine
    const clean = ['claude-code: 2 of 2 skills visible to Claude Code']
    const damages = [
      { damage: () => unlink(layout.current), says: 'is missing' },
      {
        damage: () => truncate(manifestPath(layout, currentDirectory(layout) ?? '')),
        says: 'does not lead to a whole release',
      },
      {
        damage: async () => {
          await unlink(layout.current)
          await writeFile(layout.current, '')
        },
        says: 'does not lead to a whole release',
      },
    ]
    for (const { damage, says } of damages) {
      await damage()
      const broken = (await look(machine, host, false)).findings.find(({ check }) => check === 'release')
      expect(broken).toMatchObject({ level: 'problem', message: says, fix: 'current' })
      const { failed, findings } = await look(machine, host, true)
      expect({ failed, wrong: findings.filter(({ level }) => level === 'problem') }).toEqual({
        failed: [],
        wrong: [],
      })
      expect(linesOf(await look(machine, host, true))).toEqual(clean)
    }
  })

  it('says why it could not fix, and goes on with the rest', async () => {
    const { machine, host } = await scene()
    const { layout } = machine
    const [link, manifest] = [layout.current, manifestPath(layout, currentDirectory(layout) ?? '')]
    await unlink(link)
    await truncate(manifest)
    await chmod(layout.kept, 0o777)
    machine.store.lies = {
      before: () => {
        throw new SkillsctlError('unreachable', 'no answer')
      },
    }
    const { failed, fixed, findings } = await look(machine, host, true)
    expect(failed.map(({ code }) => code)).toEqual(['unreachable'])
    expect(fixed.map(({ check }) => check)).toEqual(['permissions'])
    expect(findings.filter(({ level }) => level === 'problem').map(({ check }) => check)).toContain('release')
  })
})

describe('why', () => {
  it('says which bytes are active on which surface and whether they are seen, and who wrote them where git can tell', async () => {
    const { team, machine, host } = await scene()
    const commit = await team.commit({ 'skills/plan/SKILL.md': `${SKILL.replace('review', 'plan')}more\n` })
    await team.publishStable()
    await machine.pull()
    const git = new Git(team.git.directory)
    const report = await why(machine.context, 'review', { host, git })
    expect(report).toMatchObject({
      place: 'skills/review',
      channel: 'stable',
      current: { commit, edited: [], lastChange: { author: 'Test Author' } },
      surfaces: [
        { surface: 'claude-code', verdict: { is: 'visible', agent: 'Claude Code', isVerified: true } },
      ],
    })
    const [shown] = report.surfaces
    expect(shown?.active?.digest).toBe(report.current?.digest)
    expect(report.current?.lastChange?.commit).not.toBe(commit)
    const plan = await why(machine.context, 'skills/plan', { host, git })
    expect(plan.current?.lastChange?.commit).toBe(commit)
    expect(plan.current?.digest).not.toBe(report.current?.digest)
    const elsewhere = new Git(await temporaryDirectory())
    for (const git of [undefined, elsewhere])
      expect((await why(machine.context, 'review', { host, git })).current?.lastChange).toBeUndefined()
  })

  it('says without a clone who wrote the release, and with which one a skill came', async () => {
    const { team, machine, host } = await scene()
    const commit = await team.commit({ 'skills/plan/SKILL.md': `${SKILL.replace('review', 'plan')}more\n` })
    await team.publishStable()
    await machine.pull()
    const current = async (skill: string) =>
      (await why(machine.context, skill, { host, git: undefined })).current
    const author = 'Test Author'
    const plan = await current('plan')
    expect(plan).toMatchObject({ commit, author, cameWith: { commit, author }, lastChange: undefined })
    const review = await current('review')
    expect(review).toMatchObject({ commit, author, cameWith: { author } })
    expect(review?.cameWith?.commit).not.toBe(commit)
  })

  it('says nothing of authors that the channel does not name, or names as no publisher would', async () => {
    const { machine, host } = await scene()
    const path = join(machine.layout.trust, 'stable.json')
    const before = await readFile(path, 'utf8')
    const originWith = async (author: string) => {
      await writeFile(path, before.replace('"author":"Test Author",', author))
      const { current } = await why(machine.context, 'review', { host, git: undefined })
      return { author: current?.author, cameWith: current?.cameWith?.commit }
    }
    const { current } = await why(machine.context, 'review', { host, git: undefined })
    expect(await originWith('')).toEqual({ author: undefined, cameWith: current?.commit })
    for (const hostile of ['Ada\\u001b[2J', 'A'.repeat(10_240)])
      expect(await originWith(`"author":"${hostile}",`)).toEqual({ author: undefined, cameWith: undefined })
  })

  it('suggests what may have been meant, and tells where it was', async () => {
    const { team, machine, host } = await scene()
    await expect(why(machine.context, 'reveiw', { host, git: undefined })).rejects.toMatchObject({
      code: 'absent',
      subject: 'reveiw',
      hint: 'did you mean review?',
    })
    await team.ship({ 'skills/plan/SKILL.md': null })
    await machine.pull()
    await expect(why(machine.context, 'plan', { host, git: undefined })).rejects.toMatchObject({
      found: expect.stringMatching(/^it was in 2026\..+ which is still on this machine$/),
    })
  })
})
