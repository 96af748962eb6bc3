/** Many publishers at once on S3, through the real SDK, some of them processes of their own: all land, none is lost. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { parseChannel, parseSecretKey, releases } from '../../src/index.ts'
import { openWritableStore } from '../../src/store/open.ts'
import { formatSecretKey } from '../../src/trust/key.ts'
import { encodeToken } from '../../src/trust/token.ts'
import { startS3Server } from '../support/s3/server.ts'
import { CANARY, Clock, createTeam, held, type Team } from '../support/team.ts'
import { CLI, runProcess } from '../support/victim.ts'
import { EVERYTHING } from './crowd.ts'

const CROWD = EVERYTHING ? 20 : 4
/** Of these, so many are processes: in one alone, the server would starve beside them. */
const PROCESSES = EVERYTHING ? 17 : 1

/** The key of those that are processes. */
const KEY = formatSecretKey(Buffer.alloc(32, 7), 'ci')

/** A team whose repository is in a bucket. */
async function onS3(): Promise<{ team: Team; url: string; env: NodeJS.ProcessEnv }> {
  const server = await startS3Server()
  onTestFinished(() => server.close())
  server.createBucket('acme')
  const env = {
    AWS_ACCESS_KEY_ID: server.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.secretAccessKey,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  }
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  onTestFinished(() => void vi.unstubAllEnvs())
  const url = `s3://acme/prod?endpoint=${encodeURIComponent(server.endpoint)}`
  const other = parseSecretKey(KEY, 'ci')
  const team = await createTeam({
    store: await openWritableStore(url),
    clock: new Clock(Math.floor(Date.now() / 1000) * 1000),
    keySet: ({ ci }) => ({ canary: held(ci, other), drafts: held(ci, other) }),
  })
  return { team, url, env }
}

async function publishByProcess(team: Team, url: string, env: NodeJS.ProcessEnv, args: readonly string[]) {
  const token = encodeToken({ store: url, root: team.root, channel: 'canary' })
  const { code, stdout, stderr } = await runProcess([CLI, 'publish', '--json', ...args], {
    cwd: team.git.directory,
    env: { ...env, SKILLSCTL_TOKEN: token, SKILLSCTL_KEY: KEY },
  })
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout)
}

/** Each has a connection of its own. */
async function publishHere(team: Team, url: string, revision: string, channel = 'canary') {
  const context = team.publisher({
    signers: [team.keys.ci],
    store: await openWritableStore(url),
  })
  const report = await team.publish({ revision, channel: parseChannel(channel), allowOlder: true }, context)
  context.store.close()
  return report
}

test(`${CROWD} publishers of as many commits all land, in one line`, async () => {
  const { team, url, env } = await onS3()
  const commits: string[] = []
  for (let index = 0; index < CROWD; index++) {
    commits.push(await team.commit({ 'skills/a/SKILL.md': `# ${index}\n` }))
  }
  const reports = await Promise.all(
    commits.map((commit, index) =>
      index < PROCESSES
        ? publishByProcess(team, url, env, ['--commit', commit, '--allow-older'])
        : publishHere(team, url, commit),
    ),
  )
  expect(reports.map(({ outcome }) => outcome)).toEqual(commits.map(() => 'published'))
  const { store, root: pin, clock } = team
  const listed = await releases({ store, pin, now: clock.now(), channel: CANARY, limit: 100 })
  expect(listed.map(({ release }) => release.commit).sort()).toEqual([...commits].sort())

  const machine = await team.joined({ channel: 'canary', through: store })
  const { current } = await machine.pull()
  expect(current?.version).toBe(listed[0]?.release.version)
})

test.runIf(EVERYTHING)(
  `${CROWD} publishers of drafts of their own all land, though all drafts share one role`,
  async () => {
    const { team, url, env } = await onS3()
    const commit = await team.commit({ 'skills/a/SKILL.md': '# a\n' })
    const names = Array.from({ length: CROWD }, (_, index) => `drafts/author-${index}`)
    await Promise.all(
      names.map((name, index) =>
        index < PROCESSES
          ? publishByProcess(team, url, env, ['--channel', name])
          : publishHere(team, url, commit, name),
      ),
    )
    const { store, root: pin, clock } = team
    for (const name of names) {
      const [head] = await releases({ store, pin, now: clock.now(), channel: parseChannel(name), limit: 1 })
      expect(head?.release.commit, name).toBe(commit)
    }
  },
)
