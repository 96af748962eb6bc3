import { existsSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runHere } from '../support/in-process.ts'
import { createSurfaceHome, pathIn, type SurfaceHome } from '../support/surface-home.ts'

const LINES = ['one', 'two', 'three', 'four', 'five', ''].join('\n')
const A = 'skills/a/SKILL.md'

function edit(path: string, content: string): void {
  unlinkSync(path)
  writeFileSync(path, content)
}

function commandsOf(home: SurfaceHome) {
  const run = async (line: string, env: NodeJS.ProcessEnv = {}) => {
    const words = line.split(' ').map((word) => word.replace(/^@/, `${home.user}/`))
    return runHere([...words, '--home', home.layout.root], { env: { HOME: home.user, ...env } })
  }
  return {
    run,
    says: async (line: string, exit = 0) => {
      const ran = await run(line)
      expect(ran, line).toMatchObject({ exit, stderr: '' })
      return ran.stdout
    },
    object: async (line: string, exit = 0) => {
      const ran = await run(`${line} --json`)
      expect(ran, line).toMatchObject({ exit, stderr: '' })
      return JSON.parse(ran.stdout)
    },
  }
}

/** A machine whose person has changed a line that the release changed as well. */
async function waiting({ isBaseHere = true } = {}): Promise<{ home: SurfaceHome; root: string }> {
  const home = await createSurfaceHome()
  if (isBaseHere) await home.update({ [A]: LINES, 'another/release': 'that has the same skill' })
  await home.update({ [A]: LINES, 'skills/b/SKILL.md': 'b' })
  const root = await home.add()
  edit(pathIn(root, 'a'), LINES.replace('two', 'mine'))
  await home.update({ [A]: LINES.replace('two', 'theirs'), 'skills/b/SKILL.md': 'b' })
  return { home, root }
}

test('skillsctl edits tells of each skill what was changed, since when, and what the machine has of its own', async () => {
  const home = await createSurfaceHome()
  await home.update({ [A]: LINES, 'skills/a/run.sh': 'x', 'another/release': 'that has the same skill' })
  const { directory } = await home.update({ [A]: LINES, 'skills/a/run.sh': 'x', 'skills/b/SKILL.md': 'b' })
  const { says, object } = commandsOf(home)
  expect(await says('edits')).toBe('nothing was edited here\n')
  const root = await home.add()
  await mkdir(join(root, 'skills/mine'), { recursive: true })
  writeFileSync(pathIn(root, 'mine'), 'mine')
  await mkdir(join(root, 'skills/notes'))
  edit(pathIn(root, 'a'), 'edited')
  rmSync(join(root, 'skills/a/run.sh'))
  writeFileSync(join(root, 'skills/a/new.md'), 'new')
  expect(await says('edits')).toBe(
    [
      `skills/a: new, made from ${directory}; the next skillsctl pull takes it over`,
      '  ~ SKILL.md',
      '  + new.md',
      '  - run.sh',
      'local, on this machine alone:',
      '  skills/mine on claude-code',
      '',
    ].join('\n'),
  )
  expect(await says('status')).toContain('  edits: 1 new (skillsctl edits)\n')
  expect(await says('edits bless a --why ours')).toMatch(/^skills\/a: on purpose from here on/)
  expect(await says('edits')).toMatch(
    /^on purpose:\nskills\/a: ours; made from .+, since 2.+\n {2}~ SKILL.md/,
  )
  expect(await object('edits list a')).toMatchObject({
    edits: [{ unit: 'skills/a', state: 'blessed', why: 'ours', changes: [{ kind: 'modified' }, {}, {}] }],
  })
  expect(await says('status')).toContain('  edits: 1 on purpose (skillsctl edits)\n')
  expect(await says('why a')).toContain('claude-code: your own version, made from')
  expect(await says('edits unbless a')).toMatch(/like any other/)
  expect(await says('edits drop a')).toMatch(/^skills\/a: the release wins, your edit is set aside in .+kept/)
  expect(readFileSync(pathIn(root, 'a'), 'utf8')).toBe(LINES)
  expect(await says('edits list')).toMatch(/^nothing was edited here\nlocal/)
})

test('an edit that waits is named by status, verify, doctor and edits, until it is resolved', async () => {
  const { home, root } = await waiting()
  const { says, object, run } = commandsOf(home)
  expect(await says('status')).toContain('! 1 edit waits for you to resolve: skills/a: see skillsctl edits\n')
  expect(await says('edits')).toMatch(
    /^skills\/a: waits, as .+ changed the same \(SKILL.md\).+edits resolve skills\/a\n/,
  )
  expect(await says('verify', 6)).toMatch(
    /match their manifest\n {2}! 1 edit waits for you to resolve: skills\/a: /,
  )
  expect((await run('doctor')).stdout).toMatch(
    /! skills\/a: your edit waits: .+ changed the same \(skillsctl edits res/,
  )
  const told = await says('edits resolve a', 6)
  for (const part of ['-two\n+mine\n', '-two\n+theirs\n', '--keep\n', '--take\n', '--merged <directory>\n'])
    expect(told).toContain(part)
  expect(await says('edits resolve a --take --dry-run')).toContain('-mine\n+theirs\n')
  expect(await object('edits resolve a --keep --dry-run')).toMatchObject({ would: [] })
  const merged = join(home.user, 'merged')
  await mkdir(merged)
  writeFileSync(join(merged, 'SKILL.md'), '<<<<<<< mine\nx\n')
  expect(await run('edits resolve a --merged @merged')).toMatchObject({
    exit: 1,
    stderr: expect.stringMatching(/conflict markers never reach a live skill/),
  })
  writeFileSync(join(merged, 'SKILL.md'), LINES.replace('two', 'mine and theirs'))
  await says('edits resolve a --merged @merged')
  expect(readFileSync(pathIn(root, 'a'), 'utf8')).toContain('mine and theirs')
  expect(await says('status')).toContain('  edits: 1 kept (skillsctl edits)\n')
  expect(await says('edits resolve a')).toMatch(/nothing waits/)
})

test('where nobody has what both have changed, the two versions are held against each other', async () => {
  const { home } = await waiting({ isBaseHere: false })
  const told = await commandsOf(home).says('edits resolve a', 6)
  expect(told).toMatch(/from yours to .+ are not here any more/)
  expect(told).toContain('-mine\n+theirs\n')
})

test('a skill is edited on purpose in a copy, by an editor, and active when it is saved', async () => {
  const home = await createSurfaceHome()
  await home.update({ [A]: LINES })
  const root = await home.add()
  const { says } = commandsOf(home)
  const path = (await says('edit a --print')).trimEnd()
  expect(await says('edit a')).toBe(
    `skills/a is being edited already in ${path}; to make it active: skillsctl edits save skills/a\n`,
  )
  writeFileSync(join(path, 'SKILL.md'), 'on purpose')
  expect(readFileSync(pathIn(root, 'a'), 'utf8')).toBe(LINES)
  expect(await says('edits')).toMatch(/being edited, and not active before it is saved:\n {2}skills\/a: /)
  expect(await says('edits save')).toMatch(/^skills\/a: your edit is kept as an overlay\n/)
  expect(readFileSync(pathIn(root, 'a'), 'utf8')).toBe('on purpose')
  expect(existsSync(path)).toBe(false)
  const elsewhere = join(home.user, 'elsewhere')
  await mkdir(elsewhere)
  writeFileSync(join(elsewhere, 'SKILL.md'), 'from elsewhere')
  await says('edits save a --from @elsewhere')
  expect(readFileSync(pathIn(root, 'a'), 'utf8')).toBe('from elsewhere')
})

test('who wins is said for a skill, a surface or all; where the release does, an edit goes to kept/', async () => {
  const home = await createSurfaceHome()
  await home.update({ [A]: LINES, 'skills/b/SKILL.md': 'b' })
  const root = await home.add()
  const { says, object } = commandsOf(home)
  expect(await says('edits policy')).toBe('keep  everything else\n')
  expect(await says('edits policy take')).toBe('take  all skills\n')
  expect(await says('edits policy keep a --surface claude-code')).toContain('keep  skills/a on claude-code')
  expect(await says('edits policy --remove a --surface claude-code')).toBe('take  all skills\n')
  edit(pathIn(root, 'b'), 'mine')
  expect(await says('edits')).toMatch(/the next skillsctl pull sets it aside, as the policy is take/)
  await home.update({ [A]: LINES, 'skills/b/SKILL.md': 'b2' })
  expect(readFileSync(pathIn(root, 'b'), 'utf8')).toBe('b2')
  expect(readdirSync(home.layout.kept)).toHaveLength(1)
  expect(await object('edits policy --remove')).toEqual({ rules: [] })
})

test('without a surface nothing is an overlay, and that is said', async () => {
  const home = await createSurfaceHome()
  await home.update({ [A]: LINES, 'another/release': 'that has the same skill' })
  await home.update({ [A]: LINES })
  edit(join(home.layout.current, A), 'mine')
  const { says, run } = commandsOf(home)
  expect(await says('edits')).toContain(`an update sets edits aside in ${home.layout.kept}\n`)
  expect(await run('edits drop a')).toMatchObject({
    exit: 1,
    stderr: expect.stringMatching(/no agent is shown[\s\S]+hint: .+verify --repair/),
  })
  expect(await run('edit a')).toMatchObject({ exit: 1, stderr: expect.stringMatching(/surface add/) })
  expect(existsSync(home.layout.edits)).toBe(false)
  expect(await says('diff a')).toContain('+mine\n')
})
