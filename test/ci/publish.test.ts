/** The publish step as CI runs it: a real process, a real checkout, everything from the environment. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { outputs, summary } from '../../ci/report.ts'
import { execute, Site, secretOf } from '../support/cli.ts'
import { foreignCredentials } from '../support/foreign-store.ts'
import { runHere } from '../support/in-process.ts'
import { openTarget } from '../support/s3/target.ts'

const STEP = fileURLToPath(new URL('../../ci/publish.sh', import.meta.url))

interface Step {
  readonly exit: number | null
  readonly log: string
  readonly summary: string
  readonly outputs: Record<string, string>
}

describe('the publish step', () => {
  let site: Site
  let key: string
  beforeAll(async () => {
    site = await Site.create({ prepare: runHere })
    key = await readFile(site.key('ci'), 'utf8')
  })
  afterAll(() => site.remove())

  async function step(env: NodeJS.ProcessEnv = {}, cwd = site.checkout): Promise<Step> {
    const files = { GITHUB_STEP_SUMMARY: join(site.directory, 's'), GITHUB_OUTPUT: join(site.directory, 'o') }
    for (const path of Object.values(files)) await writeFile(path, '')
    const ran = await execute('bash', [STEP], {
      cwd,
      env: { ...foreignCredentials, SKILLSCTL_KEY: key, ...files, ...env },
    })
    const read = (path: string) => readFile(path, 'utf8')
    const [text, lines] = await Promise.all([read(files.GITHUB_STEP_SUMMARY), read(files.GITHUB_OUTPUT)])
    const log = ran.stdout + ran.stderr
    expect(log + text + lines).not.toContain(secretOf(key))
    const pairs = lines.trim().split('\n')
    return {
      exit: ran.exit,
      log,
      summary: text,
      outputs: Object.fromEntries(pairs.map((line) => line.split(/=(.*)/s).slice(0, 2))),
    }
  }

  it('publishes, writes a summary to read and outputs for the next step', async () => {
    await site.commit({ 'skills/ship/SKILL.md': '# ship\n' })
    const commit = await site.git('rev-parse', 'HEAD')
    const { exit, log, summary, outputs } = await step()
    expect({ exit, log }).toEqual({ exit: 0, log: expect.stringContaining('  + skills/ship') })
    expect(outputs).toEqual({
      outcome: 'published',
      version: expect.stringMatching(/^2026\.01\.1\d-[0-9a-f]{7}$/),
      channel: 'canary',
      commit,
      manifest: expect.stringMatching(/^[0-9a-f]{64}$/),
      previous: expect.stringMatching(/^2026\.01\.12-/),
    })
    expect(summary).toContain(`### ✅ skillsctl: \`published ${outputs['version']} on canary\``)
    expect(summary).toContain(`| commit | \`${commit}\` |`)
    expect(summary).toContain('```text\n  + skills/ship\n```')
  })

  it('ends well when it is repeated, and when a newer commit was faster', async () => {
    expect(await step()).toMatchObject({ exit: 0, outputs: { outcome: 'unchanged' } })
    const slow = await step({ SKILLSCTL_COMMIT: 'HEAD~1' })
    expect(slow).toMatchObject({ exit: 0, outputs: { outcome: 'superseded' } })
    expect(slow.summary).toContain('nothing was written')
  })

  it('publishes what the environment says: channel, patterns, dry run', async () => {
    const env = {
      SKILLSCTL_CHANNEL: 'drafts/ci',
      SKILLSCTL_INCLUDE: 'skills/ship/**\n',
      SKILLSCTL_DRY_RUN: 'true',
    }
    const { exit, log, outputs } = await step(env)
    expect({ exit, outputs }).toMatchObject({
      exit: 0,
      outputs: { outcome: 'planned', channel: 'drafts/ci' },
    })
    expect(log).not.toContain('skills/review')
  })

  it('fails with the exit code of publish, and says why in the summary', async () => {
    const { exit, log, summary, outputs } = await step({ SKILLSCTL_COMMIT: 'nope' })
    expect({ exit, outputs }).toEqual({ exit: 1, outputs: { outcome: 'failed', error: 'absent' } })
    for (const text of [log, summary]) expect(text).toContain('hint: name a branch')
    expect(summary).toContain('### ❌ skillsctl: `not published: there is no such commit`')
  })

  it('does not take a typo in a safety for yes or no', async () => {
    const { exit, log } = await step({ SKILLSCTL_ALLOW_REMOVALS: 'ture' })
    expect(exit).toBe(1)
    expect(log).toContain('SKILLSCTL_ALLOW_REMOVALS is "true" or "false", not "ture"')
  })

  it('warns of a shallow clone, and refuses where it would have to guess', async () => {
    await site.commit({ 'skills/ship/SKILL.md': '# ship 2\n' })
    const shallow = join(site.directory, 'shallow')
    await site.git('clone', '--quiet', '--depth=1', pathToFileURL(site.checkout).href, shallow)
    const { exit, log, summary } = await step({}, shallow)
    expect(exit).toBe(1)
    expect(log).toContain('this is a shallow clone')
    expect(summary).toContain('fetch-depth: 0')
    await rm(shallow, { recursive: true })
  })

  it('prints nothing on GitHub that its runner would take for a command', async () => {
    await site.commit({ 'skills/##[error]oops/SKILL.md': '# x\n' })
    const { exit, log } = await step({ GITHUB_ACTIONS: 'true' })
    expect({ exit, log }).toEqual({ exit: 0, log: expect.stringContaining('##[error]oops') })
    const [, token = ''] = /^::stop-commands::([0-9a-f]{32})$/m.exec(log) ?? []
    const inside = log.split(`::stop-commands::${token}\n`)[1]?.split(`\n::${token}::`)[0]
    expect(inside).toContain('##[error]oops')
    expect(log.replace(inside ?? '', '')).not.toContain('oops')
  })

  it('works without what only GitHub has', async () => {
    const { exit, stdout } = await execute('bash', [STEP], {
      cwd: site.checkout,
      env: { ...foreignCredentials, SKILLSCTL_KEY: key },
    })
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: expect.stringContaining('head of canary already') })
  })

  it('publishes to a bucket, with the credentials of the environment', async () => {
    const server = await openTarget()
    const env = { AWS_ACCESS_KEY_ID: server.accessKeyId, AWS_SECRET_ACCESS_KEY: server.secretAccessKey }
    const url = `s3://${await server.freshBucket()}/prod?endpoint=${server.endpoint}`
    const team = await Site.create({ url, env, commits: 1, prepare: runHere })
    try {
      await team.commit({ 'skills/ship/SKILL.md': '# ship\n' })
      const own = { ...env, SKILLSCTL_KEY: await readFile(team.key('ci'), 'utf8') }
      expect(await step(own, team.checkout)).toMatchObject({ exit: 0, outputs: { outcome: 'published' } })
      expect(await step(own, team.checkout)).toMatchObject({ exit: 0, outputs: { outcome: 'unchanged' } })
      const denied = await step({ ...own, AWS_SECRET_ACCESS_KEY: 'wrong' }, team.checkout)
      expect(denied).toMatchObject({ exit: 4, outputs: { outcome: 'failed', error: 'denied' } })
      expect(denied.log).not.toContain('NodeVersionSupportWarning')
    } finally {
      await team.remove()
      await server.close()
    }
  })

  it('fetches an exact version where it is not part of a package, and never a range', async () => {
    const alone = join(site.directory, 'action')
    await mkdir(join(alone, 'bin'), { recursive: true })
    await writeFile(join(alone, 'publish.sh'), await readFile(STEP))
    await writeFile(join(alone, 'bin/npx'), '#!/bin/sh\necho "npx $*"\n', { mode: 0o755 })
    const env = (version: string) => ({
      PATH: `${alone}/bin:${process.env['PATH']}`,
      SKILLSCTL_VERSION: version,
    })
    const script = [join(alone, 'publish.sh')]
    expect(await execute('bash', script, { env: env('1.2.3') })).toMatchObject({
      exit: 0,
      stdout: 'npx --yes --package=skillsctl@1.2.3 -- skillsctl-ci-publish\n',
    })
    for (const version of ['latest', '^1.0.0', '1', '1.2.3;id'])
      expect(await execute('bash', script, { env: env(version) })).toMatchObject({ exit: 2, stdout: '' })
  })
})

describe('what the step writes', () => {
  const changes = { added: ['skills/a`b```c'], removed: [], renamed: [], modified: [] }
  const report = {
    outcome: 'published',
    version: '2026.01.01-abcdef0',
    channel: 'canary',
    commit: 'a'.repeat(40),
    changes,
  } as const

  it('keeps every output on its line', () => {
    const hostile = { ...report, version: 'v\noutcome=superseded\r\nx=<<EOF\u2028y' }
    expect(
      outputs(hostile)
        .split('\n')
        .map((line) => line.split('=')[0]),
    ).toEqual(['outcome', 'version', 'channel', 'commit', 'manifest', 'previous', ''])
  })

  it('keeps names inside of code', () => {
    expect(summary(report)).toContain('````text\n  + skills/a`b```c\n````\n')
    const failed = summary({ error: { code: 'refused', message: 'a `b` | <img>\n# c', hint: '```\n# d' } })
    expect(failed.split('\n')[0]).toBe("### ❌ skillsctl: `not published: a 'b' ¦ <img> # c`")
    expect(failed).toContain('````text\nhint: ``` # d\n````\n')
  })
})
