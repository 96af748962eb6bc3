import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { Git } from '../../src/archive/git.ts'
import type { Channel } from '../../src/core/channel.ts'
import { promote, publish, releases, revert } from '../../src/index.ts'
import { metadataKey } from '../../src/trust/metadata.ts'
import { EVERYTHING } from '../crash/kill.ts'
import { fault, LyingStore } from '../support/lying-store.ts'
import {
  bodyOf,
  CANARY,
  channelNamed,
  createTeam,
  DAY,
  DRAFT,
  HOUR,
  listing,
  STABLE,
  type Team,
} from '../support/team.ts'
import { inventory } from '../surfaces/fixture.ts'

const SKILL = { 'skills/a/SKILL.md': '# a\n' }
const yes = async () => true

const heads = async (team: Team, channel = CANARY): Promise<string[]> =>
  (await releases({ ...team.ci, channel, limit: 1000, now: team.clock.now() })).map(
    ({ release }) => release.commit,
  )

test('publishes a commit, names it by date and hash, and says what is new', async () => {
  const team = await createTeam()
  const commit = await team.commit({ ...SKILL, 'README.md': 'hello\n' })
  const report = await team.publish()
  expect(report).toMatchObject({
    outcome: 'published',
    channel: 'canary',
    commit,
    version: `2026.01.01-${commit.slice(0, 7)}`,
    files: 2,
    previous: undefined,
    changes: { added: ['README.md', 'skills/a'], removed: [], modified: [], renamed: [] },
    archive: { reused: false },
  })
  expect(await heads(team)).toEqual([commit])
})

test('says who wrote the commit, by name alone, and nothing of who edits a working tree', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  await team.publish()
  await team.publish({ channel: DRAFT, workingTree: true })
  const authors = async (channel: Channel) =>
    (await releases({ ...team.ci, channel, limit: 9, now: team.clock.now() })).map(
      ({ release }) => release.author,
    )
  expect(await authors(CANARY)).toEqual(['Test Author'])
  expect(await authors(DRAFT)).toEqual([undefined])
  await promote(team.release, 'canary', STABLE, yes)
  expect(await authors(STABLE)).toEqual(['Test Author'])
})

test('publishing the same commit again changes nothing and succeeds', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  const first = await team.publish()
  const before = await listing(team.store)
  expect(await team.publish()).toMatchObject({ outcome: 'unchanged', manifest: first.manifest })
  expect(await listing(team.store)).toEqual(before)
})

test('a commit behind the head is superseded, and nothing is written', async () => {
  const team = await createTeam()
  const old = await team.commit(SKILL)
  await team.commit({ 'skills/a/SKILL.md': '# newer\n' })
  const head = await team.publish()
  const before = await listing(team.store)
  expect(await team.publish({ revision: old })).toMatchObject({
    outcome: 'superseded',
    because: 'behind',
    previous: head.version,
  })
  expect(await listing(team.store)).toEqual(before)
})

test('a repeated job for a commit that was reverted is superseded', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  await team.publish()
  const bad = await team.commit({ 'skills/a/SKILL.md': '# bad\n' })
  await team.publish()
  await revert(team.ci, CANARY, undefined, yes)
  const before = await listing(team.store)
  expect(await team.publish({ revision: bad })).toMatchObject({ outcome: 'superseded', because: 'left' })
  expect(await listing(team.store)).toEqual(before)
  const fixed = await team.commit({ 'skills/a/SKILL.md': '# fixed\n' })
  expect(await team.publish()).toMatchObject({ outcome: 'published', commit: fixed })
})

test('a repeated job is superseded also when the clock of who committed was hours ahead', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  await team.publish()
  await team.git.write('skills/a/SKILL.md', '# from the future\n')
  const ahead = new Date(team.clock.now() + 6 * HOUR).toISOString().replace('.000Z', 'Z')
  const bad = await team.git.commit('bad', { date: ahead })
  await team.publish()
  await revert(team.ci, CANARY, undefined, yes)
  expect(await team.publish({ revision: bad })).toMatchObject({ outcome: 'superseded' })
})

test('a diverged or unrelated history is refused', async () => {
  const team = await createTeam()
  const base = await team.commit(SKILL)
  await team.commit({ 'skills/a/SKILL.md': '# main\n' })
  await team.publish()
  const before = await listing(team.store)
  await team.git.run('checkout', '--quiet', '-b', 'side', base)
  await team.commit({ 'skills/a/SKILL.md': '# side\n' })
  await expect(team.publish()).rejects.toMatchObject({
    code: 'refused',
    hint: expect.stringContaining('--allow-older'),
  })
  await team.git.run('checkout', '--quiet', '--orphan', 'other')
  await team.commit({ 'skills/b/SKILL.md': '# b\n' })
  await expect(team.publish()).rejects.toMatchObject({ code: 'refused' })
  expect(await listing(team.store)).toEqual(before)
})

test('a shallow clone cannot know, is refused, and told how to fetch', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  await team.publish()
  await team.commit({ 'skills/a/SKILL.md': '# two\n' })
  await team.commit({ 'skills/a/SKILL.md': '# three\n' })
  await using shallow = await team.git.clone(undefined, '--depth=1')
  const git = new Git(shallow.directory)
  await expect(team.publish({ git })).rejects.toMatchObject({
    code: 'refused',
    hint: expect.stringContaining('fetch-depth: 0'),
  })
  expect(await team.publish({ git, allowOlder: true })).toMatchObject({ outcome: 'published' })
})

test('allowOlder publishes what is behind, diverged or unrelated', async () => {
  const team = await createTeam()
  const base = await team.commit(SKILL)
  await team.commit({ 'skills/a/SKILL.md': '# main\n' })
  await team.publish()
  expect(await team.publish({ revision: base, allowOlder: true })).toMatchObject({ outcome: 'published' })
  await team.publish({ revision: 'main', allowOlder: true })
  await team.git.run('checkout', '--quiet', '-b', 'side', base)
  const side = await team.commit({ 'skills/a/SKILL.md': '# side\n' })
  expect(await team.publish({ allowOlder: true })).toMatchObject({ outcome: 'published' })
  await team.git.run('checkout', '--quiet', '--orphan', 'other')
  const other = await team.commit({ 'skills/b/SKILL.md': '# b\n' })
  expect(await team.publish({ allowOlder: true })).toMatchObject({ outcome: 'published' })
  expect((await heads(team)).slice(0, 2)).toEqual([other, side])
})

const skills = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [`skills/${name}/SKILL.md`, `# ${name}, a text of its own\n`]))

test('refuses when more than three of a few skills vanish, names them, and does it when it is meant', async () => {
  const team = await createTeam()
  await team.commit(skills(['a', 'b', 'c', 'd', 'e', 'f']))
  await team.publish()
  for (const name of ['a', 'b', 'c']) await team.git.remove(`skills/${name}`)
  await team.git.commit()
  await team.publish({ dryRun: true })
  await team.git.remove('skills/d')
  await team.git.commit()
  const before = await listing(team.store)
  await expect(team.publish()).rejects.toMatchObject({
    code: 'refused',
    found: 'skills/a, skills/b, skills/c, skills/d',
    hint: expect.stringContaining('--allow-removals'),
  })
  expect(await listing(team.store)).toEqual(before)
  expect(await team.publish({ allowRemovals: true })).toMatchObject({
    outcome: 'published',
    changes: { removed: ['skills/a', 'skills/b', 'skills/c', 'skills/d'] },
  })
})

test('lets a fifth of many skills vanish, and no more', async () => {
  const team = await createTeam()
  const names = Array.from({ length: 25 }, (_, index) => `s${index}`)
  await team.commit(skills(names))
  await team.publish()
  for (const name of names.slice(0, 5)) await team.git.remove(`skills/${name}`)
  await team.git.commit()
  await team.publish({ dryRun: true })
  await team.git.remove('skills/s5')
  await team.git.commit()
  await expect(team.publish()).rejects.toMatchObject({ code: 'refused', expected: 'at most 5 at once' })
})

test('renamed skills have not vanished, also when they were edited on the way', async () => {
  const team = await createTeam()
  const text = (name: string) => `# ${name}\n${'a line that stays as it is\n'.repeat(20)}`
  const names = ['a', 'b', 'c', 'd', 'e']
  await team.commit(Object.fromEntries(names.map((name) => [`skills/${name}/SKILL.md`, text(name)])))
  await team.publish()
  for (const name of names) {
    await team.git.remove(`skills/${name}`)
    await team.git.write(`skills/new-${name}/SKILL.md`, `${text(name)}edited\n`)
  }
  await team.git.commit()
  expect(await team.publish()).toMatchObject({
    outcome: 'published',
    changes: {
      added: [],
      removed: [],
      renamed: names.map((name) => [`skills/${name}`, `skills/new-${name}`]),
    },
  })
})

test('a dry run tells everything and writes nothing', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  const before = await listing(team.store)
  expect(await team.publish({ dryRun: true })).toMatchObject({
    outcome: 'planned',
    files: 1,
    changes: { added: ['skills/a'] },
    archive: { reused: false },
  })
  expect(await listing(team.store)).toEqual(before)
})

test('publishes the committed bytes, never the working tree', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  await team.git.write('skills/a/SKILL.md', '# not committed\n')
  await team.git.write('skills/new/SKILL.md', '# new\n')
  await team.publishStable()
  const machine = await team.joined()
  expect(await machine.files()).toEqual(SKILL)
})

test('a working tree goes to a draft only, under a name of its own', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  await team.git.write('skills/a/SKILL.md', '# an idea\n')
  await team.git.write('skills/new/SKILL.md', '# new\n')
  await expect(team.publish({ workingTree: true })).rejects.toMatchObject({ code: 'usage' })
  const draft = await team.publish({ workingTree: true, channel: DRAFT })
  expect(draft).toMatchObject({
    outcome: 'published',
    version: expect.stringMatching(/^2026\.01\.01-[0-9a-f]{7}\+[0-9a-f]{8}$/),
  })
  expect(await team.publish({ workingTree: true, channel: DRAFT })).toMatchObject({ outcome: 'unchanged' })
  const machine = await team.joined({ channel: DRAFT.name })
  expect(await machine.files()).toEqual({
    'skills/a/SKILL.md': '# an idea\n',
    'skills/new/SKILL.md': '# new\n',
  })
})

test('a draft is named by its content, tells what is uncommitted in it, and leaves the checkout as it is', async () => {
  const team = await createTeam()
  const publishDraft = (options = {}) => team.publish({ workingTree: true, channel: DRAFT, ...options })
  await team.commit({ ...SKILL, 'skills/b/SKILL.md': '# b\n', 'skills/c/SKILL.md': '# c\n' })
  const first = await team.git.run('rev-parse', 'HEAD')
  const clean = await publishDraft()
  expect(clean).toMatchObject({ uncommitted: { added: [], removed: [], renamed: [], modified: [] } })
  await team.git.write('skills/a/SKILL.md', '# an idea\n')
  await team.git.write('skills/new/SKILL.md', '# new\n')
  await team.git.remove('skills/b/SKILL.md')
  const before = inventory(team.git.directory)
  const draft = await publishDraft()
  expect(draft).toMatchObject({
    outcome: 'published',
    uncommitted: {
      added: ['skills/new/SKILL.md'],
      removed: ['skills/b/SKILL.md'],
      modified: ['skills/a/SKILL.md'],
    },
  })
  expect(inventory(team.git.directory)).toEqual(before)
  await team.git.run('checkout', '--quiet', '.')
  await team.git.remove('skills/new/SKILL.md')
  expect(await publishDraft()).toMatchObject({ version: clean.version, manifest: clean.manifest })
  await team.commit({ 'other.md': 'x' })
  await expect(publishDraft({ revision: first })).rejects.toMatchObject({ code: 'usage', subject: first })
})

test('keeps the newest 50 drafts of the last 30 days', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  const draft = (name: string) => team.publish({ channel: channelNamed(`drafts/${name}`) })
  await draft('old')
  team.clock.pass(31 * DAY)
  for (let index = 0; index < 51; index++) {
    await draft(`d${index}`)
    team.clock.pass(1000)
  }
  const role = JSON.parse((await bodyOf(team.store, metadataKey('drafts', 53))).toString('utf8'))
  const names = Object.keys(role.signed.targets).map(
    (target) => /^drafts\/(.*)\.release\.json$/.exec(target)?.[1],
  )
  expect(names).toHaveLength(50)
  expect(names).not.toContain('old')
  expect(names).not.toContain('d0')
  expect(names).toContain('d50')
})

test('exclude and include choose what goes into a release', async () => {
  const team = await createTeam()
  await team.commit({ ...SKILL, 'skills/b/SKILL.md': '# b\n', 'docs/x.md': 'x\n', 'test/y': 'y\n' })
  await team.publishStable({ selection: { include: ['skills', 'docs/**'], exclude: ['skills/b/'] } })
  const machine = await team.joined()
  expect(Object.keys((await machine.files()) ?? {})).toEqual(['docs/x.md', 'skills/a/SKILL.md'])
})

test('another selection of the same commit is another release of the same name', async () => {
  const team = await createTeam()
  await team.commit({ ...SKILL, 'docs/x.md': 'x\n' })
  const whole = await team.publishStable()
  const machine = await team.joined()
  const part = await team.publishStable({ selection: { include: [], exclude: ['docs'] } })
  expect(part).toMatchObject({ outcome: 'published', version: whole.version })
  expect(part.manifest).not.toBe(whole.manifest)
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
  expect(await machine.files()).toEqual(SKILL)
  expect(await machine.current()).toBe(`releases/${part.version}.${part.manifest?.slice(0, 8)}`)
})

test('refuses a submodule by name', async () => {
  const team = await createTeam()
  const hash = await team.commit(SKILL)
  await team.git.run('update-index', '--add', '--cacheinfo', `160000,${hash},vendor/lib`)
  await team.git.run('commit', '--quiet', '--message', 'submodule')
  await expect(team.publish()).rejects.toMatchObject({ code: 'refused', subject: 'vendor/lib' })
})

test('two clones that publish to two channels at once both land', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  await using clone = await team.git.clone()
  const [one, two] = await Promise.all([
    team.publish(),
    publish(team.release, {
      git: new Git(clone.directory),
      revision: 'HEAD',
      channel: STABLE,
      selection: { include: [], exclude: [] },
    }),
  ])
  expect([one.outcome, two.outcome]).toEqual(['published', 'published'])
  expect(await heads(team)).toHaveLength(1)
  expect(await heads(team, STABLE)).toHaveLength(1)
})

test('many publishers at once on one channel all land, or are superseded by a newer one', async () => {
  const team = await createTeam()
  const commits: string[] = []
  for (let index = 0; index < 6; index++)
    commits.push(await team.commit({ 'skills/a/SKILL.md': `# ${index}\n` }))
  const reports = await Promise.all(commits.map((revision) => team.publish({ revision })))
  for (const { outcome } of reports) expect(['published', 'superseded']).toContain(outcome)
  const landed = reports.filter(({ outcome }) => outcome === 'published').map(({ commit }) => commit)
  const history = await heads(team)
  expect(history[0]).toBe(commits.at(-1))
  expect([...history].sort()).toEqual([...landed].sort())
})

test('a publish that loses the race is repeated upon the new head', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  let raced = false
  const store = new LyingStore(team.store, {
    before: async ({ operation, key }) => {
      if (raced || operation !== 'put' || key !== 'metadata/timestamp.json') return
      raced = true
      await team.publishStable()
    },
  })
  const report = await team.publish({}, team.publisher({ store }))
  expect(report.outcome).toBe('published')
  expect(raced).toBe(true)
  expect(await heads(team)).toHaveLength(1)
  expect(await heads(team, STABLE)).toHaveLength(1)
})

test('a publisher killed before any of its writes leaves the old head, and the next run publishes', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  await team.publishStable()
  const machine = await team.joined()
  // Every third of them; `npm run test:crash` looks at each.
  for (let writes = 0, done = false; !done; writes += EVERYTHING ? 1 : 3) {
    await team.commit({ 'skills/a/SKILL.md': `# ${writes}\n` })
    let left = writes
    const store = new LyingStore(team.store, {
      before: ({ operation, key }) => {
        if ((operation === 'put' || operation === 'touch') && left-- <= 0) throw fault('unreachable', key)
      },
    })
    const before = await heads(team, STABLE)
    const context = team.publisher({ store, signers: [team.keys.release] })
    done = await team.publish({ channel: STABLE }, context).then(
      () => true,
      () => false,
    )
    if (!done) {
      expect(await heads(team, STABLE)).toEqual(before)
      expect(await machine.pull()).toMatchObject({ outcome: 'current' })
      expect(await team.publishStable()).toMatchObject({ outcome: 'published' })
    }
    expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
    expect(await machine.files()).toEqual({ 'skills/a/SKILL.md': `# ${writes}\n` })
    expect(writes).toBeLessThan(20)
  }
})

test('metadata that a dead publisher left behind is stepped over', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  for (const key of ['metadata/2.stable.json', 'metadata/3.stable.json', 'metadata/2.snapshot.json'])
    await team.store.put(key, Buffer.from('{}'), { absent: true })
  await team.publishStable()
  expect([...(await listing(team.store)).keys()]).toEqual(
    expect.arrayContaining(['metadata/4.stable.json', 'metadata/3.snapshot.json']),
  )
  const machine = await team.joined()
  expect(await machine.files()).toEqual(SKILL)
})

test('going back to a known release uses its archive again', async () => {
  const team = await createTeam()
  const first = await team.commit(SKILL)
  await team.publish()
  await team.commit({ 'skills/a/SKILL.md': '# two\n' })
  await team.publish()
  const blobs = async () => [...(await listing(team.store)).keys()].filter((key) => key.startsWith('blobs/'))
  const before = await blobs()
  expect(await team.publish({ revision: first, allowOlder: true })).toMatchObject({
    outcome: 'published',
    archive: { reused: true },
  })
  expect(await blobs()).toEqual(before)
})

test('a release whose archive was lost is packed anew', async () => {
  const team = await createTeam()
  const first = await team.commit(SKILL)
  await team.publishStable()
  const [blob] = [...(await listing(team.store)).keys()].filter((key) => key.startsWith('blobs/'))
  await team.commit({ 'skills/a/SKILL.md': '# two\n' })
  await team.publishStable()
  await team.store.remove(blob ?? '')
  expect(await team.publishStable({ revision: first, allowOlder: true })).toMatchObject({
    outcome: 'published',
  })
  const machine = await team.joined()
  expect(await machine.files()).toEqual(SKILL)
})

test('bytes that the store lost are told of, and restored without moving a head', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  await team.publishStable()
  const keys = [...(await listing(team.store)).keys()]
  const lost = keys.filter((key) => key.startsWith('blobs/') || key.startsWith('targets/'))
  for (const key of lost) await team.store.remove(key)
  await expect(team.publishStable()).rejects.toMatchObject({ code: 'missing' })
  expect(await team.publishStable({ restore: true })).toMatchObject({ outcome: 'restored' })
  expect([...(await listing(team.store)).keys()]).toEqual(keys)
  expect(await (await team.joined()).files()).toEqual(SKILL)
})

test('a lost manifest of the old head keeps nobody from publishing a new release', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  await team.publishStable()
  for (const key of (await listing(team.store)).keys())
    if (key.startsWith('targets/')) await team.store.remove(key)
  await team.commit({ 'skills/a/SKILL.md': '# two\n' })
  expect(await team.publishStable()).toMatchObject({ outcome: 'published' })
})

test('keys that the channel does not list may not publish to it', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  await expect(team.publish({ channel: STABLE }, team.ci)).rejects.toMatchObject({
    code: 'refused',
    subject: 'stable',
  })
  await expect(team.publish({}, team.publisher({ signers: [] }))).rejects.toMatchObject({ code: 'refused' })
  expect(await heads(team, STABLE)).toEqual([])
})

test('fields that a newer skillsctl wrote survive a rewrite', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  await team.publish()
  const { commit } = await import('../../src/trust/writer.ts')
  await commit(team.ci, async (view) => {
    const role = await view.role('canary')
    const target = role.targets[CANARY.target]
    const custom = { ...(target?.['custom'] as object), 'x-later': { a: [1] } }
    return {
      edits: [
        {
          role: 'canary',
          signed: { ...role, 'x-role': 'kept', targets: { [CANARY.target]: { ...target, custom } } },
        },
      ],
    }
  })
  await team.commit({ 'skills/a/SKILL.md': '# two\n' })
  await team.publish()
  const role = JSON.parse((await bodyOf(team.store, 'metadata/4.canary.json')).toString('utf8')).signed
  expect(role['x-role']).toBe('kept')
  expect(role.targets[CANARY.target].custom['x-later']).toEqual({ a: [1] })
})

test('a publisher reports its steps in order', async () => {
  const team = await createTeam()
  await team.commit(SKILL)
  await team.publish()
  const steps = team.events.filter(({ status }) => status === 'done').map(({ step }) => step)
  expect(steps).toEqual(['collect', 'pack', 'describe', 'upload', 'point'])
  expect(await readFile(`${team.git.directory}/skills/a/SKILL.md`, 'utf8')).toBe('# a\n')
  await promote(team.release, 'canary', STABLE, yes)
})
