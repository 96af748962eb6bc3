/** The author's loop: a draft from a checkout with uncommitted work, tried on another machine, and back. */
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { Site } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'

it('says what a draft holds, what is tried until when, and what is back', async () => {
  const site = await Site.create({ commits: 1 })
  onTestFinished(() => site.remove())
  const say = async (...args: string[]) => {
    const { exit, stdout, stderr } = await site.run([...args, '--home', site.home('other')], {}, runHere)
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    return stdout
  }
  const V = String.raw`2026\.01\.11-[0-9a-f]{7}`
  const UNTIL = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`
  await say('join', site.tokens.canary)
  await appendFile(join(site.checkout, 'skills/review/SKILL.md'), 'and an idea\n')
  expect(await say('publish', '--working-tree', '--channel', 'drafts/ada', '--key', site.key('ci'))).toMatch(
    new RegExp(
      `^published ${V}\\+[0-9a-f]{8} on drafts/ada \\(.+\\)\\n  [12] files? differs? from [0-9a-f]{12}: .*1 changed\\n`,
    ),
  )
  const trying = new RegExp(`trying drafts/ada until ${UNTIL}, then canary again`)
  const tried = await say('try', 'drafts/ada', '--for', '30m')
  expect(tried).toMatch(new RegExp(`^${V}\\+[0-9a-f]{8} of drafts/ada on this machine\\n`))
  for (const told of [tried, await say('try'), await say('status'), await say('pull')])
    expect(told).toMatch(trying)
  expect(await say('doctor')).toMatch(/drafts\/ada: is tried/)
  expect(await say('why', 'review')).toMatch(trying)
  expect(await say('try', '--stop')).toMatch(
    new RegExp(`^no longer trying drafts/ada\\nup to date: ${V} on canary\\n$`),
  )
  expect(await say('status')).toMatch(new RegExp(`^${V} on canary, up to date`))
  expect(await say('try')).toBe('nothing is tried here\n')
})
