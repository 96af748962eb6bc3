/** An edit goes home: into real repositories with history, of every kind that people keep. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import {
  appendFile,
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
  vi,
} from 'vitest'
import { Checkout } from '../../src/archive/checkout.ts'
import type { Entry } from '../../src/core/manifest.ts'
import { findProcess } from '../../src/disk/process-identity.ts'
import { type ProposedEdit, type ProposeOptions, propose } from '../../src/flows/propose.ts'
import { createGitRepository, type GitRepository, openGitRepository } from '../support/git-repository.ts'

const VERSION = '2026.01.01-1234567'
const UNIT = 'skills/quarterback'

let room: string
/** Where the team's commits are. */
let source: GitRepository
/** A clone that somebody may work in. */
let template: GitRepository
let released: string

beforeAll(async () => {
  room = await mkdtemp(join(tmpdir(), 'propose-'))
  source = await createGitRepository()
  await source.write('.gitignore', '*.secret\n')
  await source.write('README.md', 'first\n')
  await source.commit('first')
  await source.write(`${UNIT}/SKILL.md`, '# Quarterback\nline\nline\n')
  await source.write(`${UNIT}/scripts/run.sh`, '#!/bin/sh\n', { executable: true })
  await source.write(`${UNIT}/logo.bin`, Buffer.from([0, 1, 2, 13, 10, 255]))
  await source.write(
    `${UNIT}/old.md`,
    'a page that will have another name, and is long enough to be recognised\n',
  )
  await source.link(`${UNIT}/manual.md`, 'SKILL.md')
  await source.write('commands/plan.md', 'plan\n')
  await source.write('skills/other/SKILL.md', 'other\n')
  await source.commit('second')
  await source.write('README.md', 'second\n')
  released = await source.commit('released')
  await source.run('config', 'uploadpack.allowFilter', 'true')
  template = await introduced(await source.clone())
})
afterAll(async () => {
  await source.dispose()
  await template.dispose()
  await rm(room, { recursive: true, force: true })
})

beforeEach(() => {
  vi.stubEnv('GIT_CONFIG_GLOBAL', '/dev/null')
  vi.stubEnv('GIT_CONFIG_NOSYSTEM', '1')
})
afterEach(() => {
  vi.unstubAllEnvs()
})

/** A copy of the template, or, with arguments of `git clone`, another clone. */
async function checkout(...args: string[]): Promise<GitRepository> {
  const repository =
    args.length === 0 ? await copyOf(template) : await introduced(await source.clone(undefined, ...args))
  onTestFinished(() => repository.dispose())
  return repository
}

/** Without a process of git, so in no time. */
async function copyOf({ directory }: GitRepository): Promise<GitRepository> {
  const copy = await mkdtemp(join(room, "someone's checkout "))
  await cp(directory, copy, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })
  return openGitRepository(copy)
}

async function introduced(repository: GitRepository): Promise<GitRepository> {
  const config = await repository.run('rev-parse', '--path-format=absolute', '--git-path', 'config')
  await appendFile(config, '[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n')
  return repository
}

type Change = (at: (path: string) => string) => Promise<unknown>

/** What a machine has of a unit, edited. */
async function edited(change: Change, unit = UNIT, commit = released): Promise<ProposedEdit> {
  const directory = await mkdtemp(join(room, 'release-'))
  const names = (await source.run('ls-tree', '-r', '-z', '--name-only', commit, '--', unit)).split('\0')
  for (const name of names.filter(Boolean)) {
    await mkdir(dirname(join(directory, name)), { recursive: true })
    await cp(join(source.directory, name), join(directory, name), { verbatimSymlinks: true })
  }
  const before = await entriesBelow(directory)
  await change((path) => join(directory, unit, path))
  const entries = await entriesBelow(directory)
  const locate = (path: string): string => join(directory, path)
  return { unit, locate, entries, base: { version: VERSION, commit, entries: before }, machine: 'mini' }
}

async function entriesBelow(directory: string): Promise<Entry[]> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true })
  const paths = found.filter((one) => !one.isDirectory()).map((one) => join(one.parentPath, one.name))
  return Promise.all(
    paths.sort().map(async (at): Promise<Entry> => {
      const path = at.slice(directory.length + 1)
      const info = await lstat(at)
      if (info.isSymbolicLink()) return { mode: 'link', path, target: await readlink(at) }
      const content = await readFile(at)
      const integrity = `sha256-${createHash('sha256').update(content).digest('base64')}`
      return { mode: (info.mode & 0o100) === 0 ? '644' : '755', path, size: content.length, integrity }
    }),
  )
}

const reworded: Change = (at) => writeFile(at('SKILL.md'), '# Quarterback\nline\nanother line\n')

function proposeTo(repository: GitRepository, edit: ProposedEdit, options: Partial<ProposeOptions> = {}) {
  return propose(edit, { repository: repository.directory, ...options })
}

/** Everything of a checkout that nobody may touch. */
async function untouched({ directory, run }: GitRepository) {
  const git = join(directory, '.git')
  const status = await run('status', '--porcelain', '--ignored')
  const files = (await readdir(git)).filter((name) => !['objects', 'refs', 'logs'].includes(name))
  return {
    files,
    status,
    head: await readFile(join(git, 'HEAD'), 'utf8'),
    index: (await readFile(join(git, 'index'))).toString('base64'),
    refs: (await run('for-each-ref')).replace(/^.*\/skillsctl\/.*\n?/gm, ''),
  }
}

describe('an edit', () => {
  test('is one commit on a branch from the release: every kind of change, and nothing else', async () => {
    const repository = await checkout()
    const before = await untouched(repository)
    const edit = await edited(async (at) => {
      await writeFile(at('SKILL.md'), '# Quarterback\r\nno end of line')
      await chmod(at('old.md'), 0o755)
      await rename(at('old.md'), at('new name.md'))
      await writeFile(at('logo.bin'), Buffer.from([255, 13, 10, 0]))
      await chmod(at('scripts/run.sh'), 0o644)
      await rm(at('manual.md'))
      await symlink('scripts/run.sh', at('manual.md'))
      await writeFile(at('-n'), '')
      await mkdir(at('ü [x]'))
      await writeFile(at('ü [x]/$(id).md'), 'added\n')
    })
    const report = await proposeTo(repository, edit, { why: 'say it better' })
    expect(report).toMatchObject({ outcome: 'proposed', ignored: [], unsigned: false, pushed: undefined })
    expect(report.upstream).toEqual({ remote: 'origin', branch: 'main', is: 'same' })
    const { branch, commit = '' } = report
    expect(branch).toMatch(/^skillsctl\/quarterback-[0-9a-f]{8}$/)
    expect(await repository.run('rev-parse', branch, `${branch}^`)).toBe(`${commit}\n${released}`)
    expect(await repository.run('show', '-s', '--format=%an <%ae>%n%cn%n%s%n%(trailers:only)', commit)).toBe(
      `Ada Lovelace <ada@example.org>\nAda Lovelace\nquarterback: say it better\nSkillsctl-Machine: mini\nSkillsctl-Release: ${VERSION}\nSkillsctl-Skill: ${UNIT}\n`,
    )
    // What git says has changed is what was edited, and its bytes are those of the edit.
    const changed = await repository.run('diff', '--name-status', '-z', '--no-renames', released, branch)
    const listed = report.files.map(
      ({ kind, path }) => `${{ added: 'A', deleted: 'D', modified: 'M', mode: 'M' }[kind]}\0${path}\0`,
    )
    expect(changed).toBe(listed.join(''))
    expect(report.files).toHaveLength(8)
    for (const entry of edit.entries) {
      const [mode] = (await repository.run('ls-tree', branch, '--', entry.path)).split(' ')
      expect(mode).toBe(entry.mode === 'link' ? '120000' : `100${entry.mode}`)
      const content = await repository.bytes('cat-file', 'blob', `${branch}:${entry.path}`)
      if (entry.mode === 'link') expect(content.toString()).toBe(entry.target)
      else expect(content).toEqual(await readFile(edit.locate(entry.path)))
    }
    expect(await repository.run('fsck', '--strict')).toBe('')
    expect(await untouched(repository)).toEqual(before)
    // Somebody can work with it.
    await repository.run('merge', '--quiet', branch)
    expect(await repository.run('status', '--porcelain')).toBe('')
  })

  test('of one file, and one of a skill that is new, are commits as well', async () => {
    const repository = await checkout()
    const command = await edited((at) => writeFile(at(''), 'plan in days\n'), 'commands/plan.md')
    const fresh = await edited(async (at) => {
      await mkdir(at('deep'), { recursive: true })
      await writeFile(at('SKILL.md'), 'mine\n')
    }, 'skills/mine')
    for (const [edit, path] of [
      [command, 'commands/plan.md'],
      [fresh, 'skills/mine/SKILL.md'],
    ] as const) {
      const { branch } = await proposeTo(repository, edit)
      expect(await repository.run('diff', '--name-only', released, branch)).toBe(path)
    }
  })

  test('that removes a whole skill is a commit, and a file may take the place of a directory', async () => {
    const repository = await checkout()
    const gone = await edited((at) => rm(at(''), { recursive: true }))
    const swapped = await edited(async (at) => {
      await rm(at('scripts'), { recursive: true })
      await writeFile(at('scripts'), 'none\n')
      await rm(at('SKILL.md'))
      await mkdir(at('SKILL.md'))
      await writeFile(at('SKILL.md/deep'), 'deep\n')
    })
    const { branch } = await proposeTo(repository, gone)
    expect(await repository.run('ls-tree', branch, 'skills/')).not.toContain('quarterback')
    const swaps = await proposeTo(repository, swapped)
    expect(swaps.files.map(({ kind, path }) => `${kind} ${path}`).sort()).toEqual(
      [
        `added ${UNIT}/scripts`,
        `deleted ${UNIT}/scripts/run.sh`,
        `deleted ${UNIT}/SKILL.md`,
        `added ${UNIT}/SKILL.md/deep`,
      ].sort(),
    )
    const held = await repository.run('ls-tree', '-r', '--name-only', swaps.branch, '--', `${UNIT}/`)
    expect(held.split('\n')).toEqual(swapped.entries.map(({ path }) => path).sort())
  })

  test('does not take the place of a branch that somebody else has just made', async () => {
    const repository = await Checkout.open((await checkout()).directory)
    await repository.createBranch('new', released)
    await expect(repository.createBranch('new', released)).rejects.toMatchObject({ code: 'failed' })
  })

  test('twice is once, from a later release with the same skill too, and once its message was amended', async () => {
    const repository = await checkout()
    const edit = await edited(reworded)
    const first = await proposeTo(repository, edit)
    const objects = await repository.run('count-objects')
    expect(await proposeTo(repository, edit)).toEqual({ ...first, outcome: 'unchanged' })
    expect(await repository.run('count-objects')).toBe(objects)
    await repository.write('README.md', 'later\n')
    const later = await repository.commit('later')
    const again = await proposeTo(repository, { ...edit, base: { ...edit.base, commit: later } })
    expect(again).toMatchObject({ outcome: 'unchanged', branch: first.branch, commit: first.commit })
    await repository.run('switch', '--quiet', first.branch)
    await repository.run('commit', '--quiet', '--amend', '--message', 'in other words')
    expect(await proposeTo(repository, edit)).toMatchObject({ outcome: 'unchanged' })
  })

  test('leaves out what the source ignores, and says so', async () => {
    const repository = await checkout()
    const edit = await edited(async (at) => {
      await reworded(at)
      await writeFile(at('token.secret'), 'do not push this')
    })
    const { ignored, branch } = await proposeTo(repository, edit)
    expect(ignored).toEqual([`${UNIT}/token.secret`])
    expect(await repository.run('diff', '--name-only', released, branch)).toBe(`${UNIT}/SKILL.md`)
  })

  test('is committed without hooks, filters, or a key to sign with', async () => {
    const repository = await checkout()
    const ran = join(room, 'ran')
    for (const hook of ['pre-commit', 'commit-msg', 'post-commit', 'reference-transaction', 'pre-push']) {
      const path = join(repository.directory, '.git/hooks', hook)
      await writeFile(path, `#!/bin/sh\necho ${hook} >> '${ran}'\n`)
      await chmod(path, 0o755)
    }
    await repository.run('config', 'filter.loud.clean', 'sed s/small/LARGE/')
    await repository.run('config', 'core.autocrlf', 'true')
    await repository.run('config', 'commit.gpgSign', 'true')
    await repository.run('config', 'gpg.program', 'false')
    await writeFile(join(repository.directory, '.git/info/attributes'), '*.md text filter=loud\n')
    const edit = await edited((at) => writeFile(at('SKILL.md'), 'small\r\n'))
    const { branch, unsigned } = await proposeTo(repository, edit)
    expect(unsigned).toBe(true)
    expect((await repository.bytes('cat-file', 'blob', `${branch}:${UNIT}/SKILL.md`)).toString()).toBe(
      'small\r\n',
    )
    expect(existsSync(ran)).toBe(false)
  })
})

describe('a checkout', () => {
  test.each<[name: string, prepare: (repository: GitRepository) => Promise<string>]>([
    ['one of its directories', async ({ directory }) => join(directory, 'skills')],
    [
      'with a detached HEAD',
      async ({ directory, run }) => {
        await run('checkout', '--quiet', '--detach', 'HEAD~1')
        return directory
      },
    ],
    [
      'a work tree beside it',
      async ({ directory, run }) => {
        await run('worktree', 'add', '--quiet', '-b', 'side', `${directory}/.git/beside it`)
        return `${directory}/.git/beside it`
      },
    ],
    [
      'with a sparse index',
      async ({ directory, run }) => {
        await run('sparse-checkout', 'set', '--cone', '--sparse-index', 'commands')
        return directory
      },
    ],
    [
      'with a split index',
      async ({ directory, run }) => {
        await run('update-index', '--split-index')
        await run('config', 'core.splitIndex', 'true')
        return directory
      },
    ],
    [
      'with other changes',
      async (repository) => {
        await repository.write('README.md', 'in between\n')
        await repository.run('add', 'README.md')
        await repository.write('skills/other/SKILL.md', 'in between\n')
        return repository.directory
      },
    ],
  ])('may be %s', async (_name, prepare) => {
    const repository = await checkout()
    const place = await prepare(repository)
    const before = await untouched(repository)
    const edit = await edited(reworded)
    const { branch, outcome } = await propose(edit, { repository: place })
    expect(outcome).toBe('proposed')
    expect(await repository.run('diff', '--name-only', `${branch}^`, branch)).toBe(`${UNIT}/SKILL.md`)
    expect(await repository.run('rev-parse', `${branch}^`)).toBe(released)
    expect(await untouched(repository)).toEqual(before)
  })

  test('may be bare, or a submodule of another', async () => {
    const bare = await checkout('--bare')
    const edit = await edited(reworded)
    expect(await proposeTo(bare, edit)).toMatchObject({ outcome: 'proposed' })
    const outer = await createGitRepository()
    onTestFinished(() => outer.dispose())
    const add = ['submodule', '--quiet', 'add', `file://${source.directory}`, 'skills']
    await outer.run('-c', 'protocol.file.allow=always', ...add)
    const inner = await introduced(openGitRepository(join(outer.directory, 'skills')))
    const { branch } = await proposeTo(inner, edit)
    expect(await inner.run('rev-parse', `${branch}^`)).toBe(released)
    expect(await outer.run('branch', '--list', branch)).toBe('')
  })

  test('is the one that was named, also where a hook of another git says otherwise', async () => {
    const [repository, other] = [await checkout(), await checkout()]
    vi.stubEnv('GIT_DIR', join(other.directory, '.git'))
    vi.stubEnv('GIT_INDEX_FILE', join(other.directory, '.git/index'))
    vi.stubEnv('GIT_WORK_TREE', other.directory)
    const { branch } = await proposeTo(repository, await edited(reworded))
    vi.unstubAllEnvs()
    expect(await repository.run('branch', '--list', branch)).toContain(branch)
    expect(await other.run('branch', '--list', branch)).toBe('')
  })

  test('that is shallow will do when it has the commit', async () => {
    const shallow = await checkout('--depth=1')
    expect(await proposeTo(shallow, await edited(reworded))).toMatchObject({ outcome: 'proposed' })
  })
})

describe('it is refused', () => {
  async function refusal(
    repository: GitRepository,
    edit: ProposedEdit,
    options: Partial<ProposeOptions> = {},
  ) {
    const refs = await repository.run('for-each-ref')
    const error = await proposeTo(repository, edit, options).then(
      () => 'nothing was refused',
      (thrown: unknown) => thrown,
    )
    expect(await repository.run('for-each-ref')).toBe(refs)
    return error
  }

  test('where git knows nobody', async () => {
    const repository = await checkout()
    await repository.run('config', '--unset', 'user.email')
    vi.stubEnv('EMAIL', 'whoever@example.org')
    expect(await refusal(repository, await edited(reworded))).toMatchObject({
      code: 'refused',
      subject: repository.directory,
      hint: expect.stringContaining('git config --global user.name'),
    })
  })

  test.each<[what: string, change: (repository: GitRepository) => Promise<unknown>]>([
    ['edits', ({ write }) => write(`${UNIT}/SKILL.md`, 'mine\n')],
    ['files that are new', ({ write }) => write(`${UNIT}/new.md`, 'mine\n')],
    ['deletions, staged', ({ run }) => run('rm', '--quiet', `${UNIT}/old.md`)],
  ])('where somebody has uncommitted %s in the skill', async (_what, change) => {
    const repository = await checkout()
    await repository.run('config', 'status.showUntrackedFiles', 'no')
    await change(repository)
    expect(await refusal(repository, await edited(reworded))).toMatchObject({
      code: 'refused',
      subject: expect.stringContaining(UNIT),
      hint: expect.stringContaining(`stash --include-untracked -- ${UNIT}`),
    })
  })

  test('in a repository of something else, in a shallow clone, and where there is none: each says what to do', async () => {
    const edit = await edited(reworded)
    const foreign = await introduced(await createGitRepository())
    onTestFinished(() => foreign.dispose())
    await foreign.commit('of something else')
    const unknown = { code: 'refused', expected: `${released}, of release ${VERSION}` }
    expect(await refusal(foreign, edit)).toMatchObject({
      ...unknown,
      hint: expect.stringMatching(/^is it the source/),
    })
    const shallow = await checkout('--depth=1')
    const older = { ...edit, base: { ...edit.base, commit: await source.run('rev-parse', `${released}~1`) } }
    expect(await refusal(shallow, older)).toMatchObject({
      hint: expect.stringContaining('fetch --unshallow origin'),
    })
    const behind = await checkout('--single-branch')
    await behind.run('remote', 'set-url', 'origin', '/nowhere')
    const newer = { ...edit, base: { ...edit.base, commit: '1'.repeat(40) } }
    expect(await refusal(behind, newer)).toMatchObject({
      hint: expect.stringContaining('fetch origin; if that'),
    })
    await expect(propose(edit, { repository: room })).rejects.toMatchObject({ code: 'failed', subject: room })
    await expect(propose(edit, { repository: join(room, 'nowhere') })).rejects.toMatchObject({
      code: 'failed',
    })
    await expect(propose(edit, { repository: join(behind.directory, '.git') })).rejects.toMatchObject({
      code: 'failed',
    })
  })

  test('in a partial clone that cannot get the rest', async () => {
    const partial = await checkout('--filter=blob:none', '--no-checkout')
    await partial.run('remote', 'set-url', 'origin', '/nowhere')
    const error = await proposeTo(partial, await edited(reworded)).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'failed', hint: expect.stringContaining('git fetch --refetch') })
  })

  test('where the commit holds other files than the release, but not where the release left some out', async () => {
    const repository = await checkout()
    const edit = await edited(reworded)
    const drop = (path: string) => (entry: Entry) => entry.path !== `${UNIT}/${path}`
    const narrower = {
      ...edit,
      entries: edit.entries.filter(drop('old.md')),
      base: { ...edit.base, entries: edit.base.entries.filter(drop('old.md')) },
    }
    const { branch } = await proposeTo(repository, narrower)
    expect(await repository.run('diff', '--name-only', released, branch)).toBe(`${UNIT}/SKILL.md`)
    const meets = { ...narrower, entries: edit.entries }
    expect(await refusal(repository, meets)).toMatchObject({ code: 'refused', subject: `${UNIT}/old.md` })
    for (const swap of [
      (entry: Entry): Entry => ({ ...entry, path: `${UNIT}/more.md` }),
      (entry: Entry): Entry => ({ mode: 'link', path: entry.path, target: 'x' }),
      (entry: Entry): Entry => (entry.mode === 'link' ? entry : { ...entry, mode: '755' }),
      (entry: Entry): Entry =>
        entry.mode === 'link' ? entry : { ...entry, integrity: `sha256-${'0'.repeat(43)}=` },
    ]) {
      const entries = edit.base.entries.map((entry) => (drop('old.md')(entry) ? entry : swap(entry)))
      const other = { ...edit, base: { ...edit.base, entries } }
      expect(await refusal(repository, other)).toMatchObject({ code: 'refused', found: `commit ${released}` })
    }
  })

  test('without an edit, with a name that no release can hold, and when a file changes meanwhile', async () => {
    const repository = await checkout()
    expect(await refusal(repository, await edited(async () => {}))).toMatchObject({ code: 'absent' })
    const odd = await edited((at) => writeFile(at('a:b'), ''))
    expect(await refusal(repository, odd)).toMatchObject({ code: 'refused', subject: `${UNIT}/a:b` })
    const outside = await edited((at) => symlink('../../../etc', at('etc')))
    expect(await refusal(repository, outside)).toMatchObject({ code: 'refused', subject: `${UNIT}/etc` })
    const racing = await edited(reworded)
    await writeFile(racing.locate(`${UNIT}/SKILL.md`), 'later\n')
    expect(await refusal(repository, racing)).toMatchObject({ code: 'drift' })
    const stray = { ...racing, unit: 'skills/quarter' }
    expect(await refusal(repository, stray)).toMatchObject({ code: 'usage' })
  })

  test('for a branch that cannot be, or that holds something else', async () => {
    const repository = await checkout()
    const edit = await edited(reworded)
    for (const branch of ['-d', 'a..b', 'HEAD', '@{-1}', 'a b', ''])
      expect(await refusal(repository, edit, { branch })).toMatchObject({ code: 'usage', subject: branch })
    expect(await refusal(repository, edit, { branch: 'main' })).toMatchObject({
      code: 'refused',
      subject: 'main',
    })
    await repository.run('switch', '--quiet', '--orphan', 'new')
    expect(await refusal(repository, edit, { branch: 'new' })).toMatchObject({
      code: 'refused',
      subject: 'new',
    })
    const { branch } = await proposeTo(repository, edit, { branch: 'feature/x' })
    expect(branch).toBe('feature/x')
    const more = await edited((at) => writeFile(at('SKILL.md'), 'more\n'))
    expect(await refusal(repository, more, { branch })).toMatchObject({ code: 'refused', subject: branch })
  })
})

describe('the remote', () => {
  /** A remote of its own, which a test may move on. */
  async function team() {
    const remote = await source.clone(undefined, '--bare')
    onTestFinished(() => remote.dispose())
    const repository = await checkout()
    await repository.run('remote', 'set-url', 'origin', `file://${remote.directory}`)
    const colleague = await copyOf(repository)
    const moveOn = async (path: string, content: string) => {
      await colleague.write(path, content)
      const commit = await colleague.commit('moved on')
      await colleague.run('push', '--quiet', 'origin', 'HEAD:main')
      return commit
    }
    return { remote, repository, colleague, moveOn }
  }

  test('gets the branch with --push, once, and says what it has to say', async () => {
    const { remote, repository } = await team()
    const hook = join(remote.directory, 'hooks/post-receive')
    await writeFile(hook, '#!/bin/sh\necho; echo "open http://localhost/new"\n')
    await chmod(hook, 0o755)
    const edit = await edited(reworded)
    const { branch, commit, pushed } = await proposeTo(repository, edit, { push: true })
    expect(pushed).toEqual({ remote: 'origin', outcome: 'pushed', told: ['open http://localhost/new'] })
    expect(await remote.run('rev-parse', branch)).toBe(commit)
    expect(await proposeTo(repository, edit, { push: true })).toMatchObject({
      outcome: 'unchanged',
      pushed: { outcome: 'unchanged' },
    })
  })

  test('is never forced', async () => {
    const { remote, repository, colleague } = await team()
    const edit = await edited(reworded)
    await colleague.run('push', '--quiet', 'origin', 'main:refs/heads/mine')
    const theirs = await remote.run('rev-parse', 'mine')
    await repository.run('config', 'remote.origin.push', '+refs/heads/*:refs/heads/*')
    await colleague.write('README.md', 'theirs\n')
    await colleague.commit('theirs')
    await colleague.run('push', '--quiet', 'origin', 'HEAD:mine')
    const refused = proposeTo(repository, edit, { push: true, branch: 'mine' })
    await expect(refused).rejects.toMatchObject({ code: 'refused', subject: 'mine' })
    expect(await remote.run('rev-parse', 'mine')).not.toBe(theirs)
    expect(await remote.run('log', '-1', '--format=%s', 'mine')).toBe('theirs')
  })

  test('may have moved on elsewhere: that is no reason to wait', async () => {
    const { repository, moveOn } = await team()
    const before = await untouched(repository)
    const newer = await moveOn('README.md', 'moved on\n')
    const report = await proposeTo(repository, await edited(reworded))
    expect(report).toMatchObject({ outcome: 'proposed', upstream: { is: 'same' } })
    expect(await repository.run('cat-file', '-t', newer)).toBe('commit')
    expect(await untouched(repository)).toEqual(before)
  })

  test('that has changed the same skill is fetched first, and said to have changed it afterwards', async () => {
    const { repository, moveOn } = await team()
    await moveOn(`${UNIT}/SKILL.md`, 'theirs\n')
    const edit = await edited(reworded)
    for (const _again of [1, 2]) {
      await expect(proposeTo(repository, edit)).rejects.toMatchObject({
        code: 'refused',
        subject: UNIT,
        hint: expect.stringContaining('fetch origin'),
      })
    }
    await repository.run('fetch', '--quiet', 'origin')
    expect(await proposeTo(repository, edit)).toMatchObject({
      outcome: 'proposed',
      upstream: { is: 'changed' },
    })
  })

  test('that has the edit already leaves nothing to propose', async () => {
    const { repository, moveOn } = await team()
    await moveOn(`${UNIT}/SKILL.md`, '# Quarterback\nline\nanother line\n')
    const report = await proposeTo(repository, await edited(reworded))
    expect(report).toMatchObject({ outcome: 'landed', commit: undefined, upstream: { is: 'landed' } })
    expect(await repository.run('branch', '--list', 'skillsctl/*')).toBe('')
  })

  test('that cannot be reached is said, and no more; pushing fails with the branch in place', async () => {
    const { repository } = await team()
    await repository.run('remote', 'set-url', 'origin', '/nowhere')
    const edit = await edited(reworded)
    const { branch, upstream } = await proposeTo(repository, edit)
    expect(upstream).toEqual({ remote: 'origin', branch: undefined, is: 'unreachable' })
    const pushing = proposeTo(repository, edit, { push: true })
    await expect(pushing).rejects.toMatchObject({
      code: 'unreachable',
      hint: expect.stringContaining(branch),
    })
    await repository.run('remote', 'remove', 'origin')
    await expect(proposeTo(repository, edit, { push: true })).rejects.toMatchObject({ code: 'refused' })
  })

  test('that never answers is not waited for, and nothing of the question is left running', async () => {
    const { repository } = await team()
    const pid = join(room, 'asked')
    await repository.run('config', 'protocol.ext.allow', 'always')
    const asked = join(room, 'never-answers')
    await writeFile(asked, `#!/bin/sh\necho $$ > '${pid}'\nsleep 1000\n`)
    await chmod(asked, 0o755)
    await repository.run('remote', 'set-url', 'origin', `ext::${asked}`)
    const report = await proposeTo(repository, await edited(reworded), { patience: 300 })
    expect(report).toMatchObject({ outcome: 'proposed', upstream: { is: 'unreachable' } })
    expect(findProcess(Number(await readFile(pid, 'utf8')))).toBeUndefined()
  })
})
