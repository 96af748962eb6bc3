// `npm run demo`: the main job, end to end, with the real command line on a store that is a directory.
// Plain Node and git, nothing else. Another build may be named: `node bench/demo.mjs …/dist/cli/main.cjs`.
// Every step says what it expects and fails the demo when it is not so.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const BUILT = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist', 'cli', 'main.cjs')
const MAIN = process.argv[2] ?? BUILT
const world = mkdtempSync(join(realpathSync(tmpdir()), 'skillsctl-demo-'))
const checkout = join(world, 'skills-repo')
const store = join(world, 'bucket')
const home = join(world, 'laptop')
const passphraseFile = join(world, 'passphrase')

/** Nobody's settings: not this user's git configuration, keys, home or credentials. */
const environment = {
  PATH: process.env.PATH,
  HOME: join(world, 'me'),
  TMPDIR: world,
  LC_ALL: 'C.UTF-8',
  NO_COLOR: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Ada',
  GIT_AUTHOR_EMAIL: 'ada@example.com',
  GIT_COMMITTER_NAME: 'Ada',
  GIT_COMMITTER_EMAIL: 'ada@example.com',
}

let commits = 0

function run(program, args, options = {}) {
  const { error, status, stdout, stderr } = spawnSync(program, args, {
    cwd: checkout,
    env: { ...environment, SKILLSCTL_HOME: home, ...options.env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (error !== undefined) throw error
  return { exit: status, stdout, stderr }
}

function git(...args) {
  const { exit, stderr } = run('git', args)
  assert.equal(exit, 0, `git ${args.join(' ')}: ${stderr}`)
}

/** Runs the command line and shows it as a person would see it. */
function skillsctl(args, { exit: expected = 0, lines = Number.POSITIVE_INFINITY } = {}) {
  console.log(`$ skillsctl ${args.map(shorten).join(' ')}`)
  const { exit, stdout, stderr } = run(process.execPath, [MAIN, ...args])
  const output = `${stdout}${stderr}`.trimEnd().split('\n').map(shorten)
  for (const line of output.slice(0, lines)) console.log(`  ${line}`)
  if (output.length > lines) console.log(`  … (${output.length - lines} more lines)`)
  if (exit !== 0) console.log(`  (exit ${exit})`)
  assert.equal(exit, expected, `skillsctl ${args[0]} was to exit ${expected}, and did ${exit}`)
  return stdout + stderr
}

function shorten(text) {
  return text.replaceAll(world, '~').replace(/(skillsctl-join-1\.\w{12})[\w-]+/g, '$1…')
}

function say(text) {
  console.log(`\n# ${text}`)
}

/** Commits what `change` did, a day after the commit before. */
function commit(message, change) {
  change()
  commits += 1
  const date = `2026-01-${10 + commits}T09:00:00Z`
  environment.GIT_AUTHOR_DATE = date
  environment.GIT_COMMITTER_DATE = date
  git('add', '--all')
  git('commit', '--quiet', '--message', message)
  console.log(`$ git commit -m '${message}'`)
}

function skill(name, text) {
  mkdirSync(join(checkout, 'skills', name), { recursive: true })
  writeFileSync(
    join(checkout, 'skills', name, 'SKILL.md'),
    `---\nname: ${name}\ndescription: ${text}\n---\n\n${`${text}\n`.repeat(20)}`,
  )
}

const publish = () => skillsctl(['publish', '--key', join(keysOf(), 'ci.key')])
const keysOf = () => join(environment.HOME, '.config', 'skillsctl', 'keys', 'acme-skills')
const installed = (path) => join(home, 'current', 'skills', path)
/** Where Claude Code looks. */
const seen = (name) => join(environment.HOME, '.claude', 'skills', name)
const includes = (text, part) => assert.ok(text.includes(part), `expected to read "${part}"`)

/** Archives and catch-up bundles: every object that contents of files come from. */
function contents() {
  return ['blobs', 'catchup']
    .flatMap((place) => readdirSync(join(store, place), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
}

function demo() {
  mkdirSync(checkout)
  mkdirSync(environment.HOME)
  writeFileSync(passphraseFile, 'four random words, say\n', { mode: 0o600 })
  git('init', '--quiet', '--initial-branch=main')

  say('A repository of skills, and a bucket (here: a directory)')
  const created = skillsctl(
    ['init', pathToFileURL(store).href, '--name', 'acme-skills', '--passphrase-file', passphraseFile],
    { lines: 10 },
  )
  const token = /skillsctl join (\S+)\s+Next:/.exec(created)?.[1] ?? assert.fail('init printed no token')

  say('CI publishes a commit')
  commit('Two skills', () => {
    skill('review', 'Read a change as its author would not.')
    skill('release', 'Ship on a Tuesday.')
  })
  publish()

  say('A machine joins with one line')
  skillsctl(['join', token])
  assert.ok(existsSync(installed('review/SKILL.md')))

  say('An agent sees the skills where it looks, beside those of the person')
  mkdirSync(seen('notes'), { recursive: true })
  writeFileSync(join(seen('notes'), 'SKILL.md'), 'mine\n')
  skillsctl(['surface', 'add', 'claude-code'])
  skillsctl(['surface', 'list'])
  assert.deepEqual(readdirSync(seen('')).sort(), ['notes', 'release', 'review'])

  say('An update, with a skill renamed')
  commit('Rename review', () => {
    git('mv', 'skills/review', 'skills/code-review')
    skill('incident', 'Write the timeline first.')
  })
  publish()
  includes(skillsctl(['pull']), 'review → skills/code-review')
  assert.ok(existsSync(installed('code-review/SKILL.md')) && !existsSync(installed('review')))
  assert.deepEqual(readdirSync(seen('')).sort(), ['code-review', 'incident', 'notes', 'release'])
  includes(skillsctl(['pull']), 'up to date')

  say(
    'Somebody flips one byte of the next archive, and of each catch-up bundle, in the bucket: refused, the machine keeps running',
  )
  const before = contents()
  commit('Ship on a Wednesday', () => skill('release', 'Ship on a Wednesday.'))
  publish()
  const fresh = contents().filter((path) => !before.includes(path))
  assert.ok(fresh.length > 1, 'no new archive or bundle')
  fresh.forEach(flip)
  includes(skillsctl(['pull'], { exit: 5 }), 'still running')
  includes(readFileSync(installed('release/SKILL.md'), 'utf8'), 'Tuesday')
  skillsctl(['status'])

  say('The bucket is mended: the same command goes on')
  fresh.forEach(flip)
  skillsctl(['pull'])
  includes(readFileSync(installed('release/SKILL.md'), 'utf8'), 'Wednesday')

  say('A local edit stays active through an update, and goes home as a commit')
  const edited = seen('incident/SKILL.md')
  chmodSync(edited, 0o644)
  appendFileSync(edited, 'My own note.\n')
  console.log("$ echo 'My own note.' >> ~/.claude/skills/incident/SKILL.md")
  skillsctl(['edits'])
  commit('Another skill', () => skill('onboarding', 'Pair on the first day.'))
  publish()
  includes(skillsctl(['pull']), 'your edit is kept')
  includes(readFileSync(edited, 'utf8'), 'My own note.')
  assert.ok(
    !readFileSync(installed('incident/SKILL.md'), 'utf8').includes('My own note.'),
    'current is as released',
  )
  includes(
    skillsctl(['propose', 'incident', '--repo', checkout, '--why', 'A note that all should have']),
    'commit',
  )

  say('Offline: the machine keeps running, and says so')
  commit('A better timeline', () => skill('incident', 'Write the timeline first, in UTC.'))
  publish()
  renameSync(store, `${store}-unplugged`)
  includes(skillsctl(['pull'], { exit: 7 }), 'still running')
  skillsctl(['status'])

  say('Back online')
  renameSync(`${store}-unplugged`, store)
  skillsctl(['pull'])
  includes(readFileSync(installed('incident/SKILL.md'), 'utf8'), 'UTC')

  say('Roll back at once; that pins, so the next pull does not undo it')
  skillsctl(['rollback'])
  assert.ok(!readFileSync(installed('incident/SKILL.md'), 'utf8').includes('UTC'))
  includes(skillsctl(['pull']), 'pinned')

  say('Follow the channel again')
  skillsctl(['unpin'])
  skillsctl(['pull'])
  includes(readFileSync(installed('incident/SKILL.md'), 'utf8'), 'UTC')
  skillsctl(['status'])
  skillsctl(['history'])
}

function flip(path) {
  const bytes = readFileSync(path)
  // The last part of a bundle is content, of an archive a checksum: nothing there goes unnoticed.
  bytes[bytes.length - 1] ^= 1
  chmodSync(path, 0o644)
  writeFileSync(path, bytes)
}

try {
  demo()
  console.log('\nAll of it went as it says.')
} catch (error) {
  console.error(`\nthe demo failed: ${error instanceof Error ? error.stack : error}`)
  process.exitCode = 1
} finally {
  rmSync(world, { recursive: true, force: true })
}
