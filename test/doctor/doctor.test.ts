/** Every state that doctor knows is a fixture here, with the line that it says, and with what `--fix` makes of it. */
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SkillsctlError } from '../../src/core/errors.ts'
import { formatInstant } from '../../src/core/parse.ts'
import { followCurrent } from '../../src/flows/follow-surfaces.ts'
import { removeSurface } from '../../src/flows/remove-surface.ts'
import { takeLease } from '../../src/surfaces/lease.ts'
import { createScene, head, linesOf, NOW, type Scene, SKILLS } from './scene.ts'

const DAY = 24 * 60 * 60 * 1000
const CLEAN = ['claude-code: 3 of 3 skills visible to Claude Code']
const OTHER = { ...SKILLS, 'skills/review/SKILL.md': head('review', 'Newer.') }
const COMMIT = 'b'.repeat(40)

interface Case {
  readonly state: string
  readonly breaks: (scene: Scene) => Promise<unknown>
  /** The line, without the part in parentheses. */
  readonly says: string
  /** What is still said after `--fix`: nothing, or what a person has to do. */
  readonly left?: RegExp
  readonly presets?: string[]
  readonly files?: Parameters<typeof createScene>[0]
  readonly look?: Parameters<Scene['look']>[0]
  /** A note: nothing is wrong. */
  readonly isNote?: true
}

const OURS = '.claude/skills/review'

const FIXED: Case[] = [
  {
    state: 'a home in which others may write',
    breaks: ({ layout }) => chmod(layout.releases, 0o777),
    says: '! RELEASES: other users may write here (777)',
  },
  {
    state: 'a home that its owner may not write in',
    breaks: ({ layout }) => chmod(layout.kept, 0o500),
    says: '! KEPT: its owner may not read and write here (500)',
  },
  {
    state: 'a home copied from another machine',
    breaks: async () => {},
    look: { machineId: 'another machine' },
    says: '! machine-1: this home was made on another machine: copied, or the system was installed anew',
  },
  {
    state: 'a home that is older than the note of its machine',
    breaks: async ({ layout }) => {
      const { identity: _none, ...config } = JSON.parse(await readFile(layout.config, 'utf8'))
      await writeFile(layout.config, JSON.stringify(config))
    },
    says: '- machine-1: it is not noted yet which machine this home belongs to',
    isNote: true,
  },
  {
    state: 'an entry that somebody removed',
    breaks: (scene) => unlink(scene.at(OURS)),
    says: '! claude-code: entries are missing: skills/review',
  },
  {
    state: 'a folder that somebody removed',
    breaks: (scene) => rm(scene.at('.claude/skills'), { recursive: true }),
    says: '! claude-code: entries are missing: skills/plan, skills/quarterback, skills/review',
  },
  {
    state: 'an entry of a release that is not shown any more',
    breaks: async ({ layout, at }) => {
      const path = join(layout.ledgers, 'claude-code.json')
      const ledger = JSON.parse(await readFile(path, 'utf8'))
      const target = join(layout.surfaces, 'claude-code/skills/gone')
      ledger.entries['skills/gone'] = { ...ledger.entries['skills/plan'], target }
      await writeFile(path, JSON.stringify(ledger))
      await symlink(target, at('.claude/skills/gone'))
    },
    says: '! claude-code: entries are left of another release: skills/gone',
  },
  {
    state: 'a pointer that is gone',
    breaks: ({ layout }) => unlink(join(layout.surfaces, 'claude-code')),
    says: '! claude-code: a switch was left half done',
  },
  {
    state: 'a switch that was killed before it was noted',
    breaks: async ({ layout }) => {
      const path = join(layout.ledgers, 'claude-code.json')
      const { shows: _none, ...ledger } = JSON.parse(await readFile(path, 'utf8'))
      await writeFile(path, JSON.stringify(ledger))
    },
    says: '! claude-code: a switch was left half done',
  },
  {
    state: 'a surface that did not follow',
    breaks: async (scene) => scene.activate((await scene.install(OTHER, COMMIT)).directory),
    says: '! claude-code: shows 2026.11.20-3f2a9c1, and 2026.11.20-bbbbbbb runs',
  },
  {
    state: 'a ledger that cannot be read',
    breaks: ({ layout }) => truncate(join(layout.ledgers, 'claude-code.json'), 40),
    says: '! claude-code: its ledger is damaged: nobody knows what is ours there',
  },
  {
    state: 'a ledger that is lost',
    breaks: ({ layout }) => unlink(join(layout.ledgers, 'claude-code.json')),
    says: '! claude-code: its ledger is damaged: nobody knows what is ours there',
  },
  {
    state: 'a ledger that is lost, of copies',
    breaks: async (scene) => {
      await scene.surface('claude-code', { by: 'copy' })
      await unlink(join(scene.layout.ledgers, 'claude-code.json'))
    },
    says: '! claude-code: its ledger is damaged: nobody knows what is ours there',
  },
  {
    state: 'a root that is gone',
    breaks: (scene) => rm(scene.at('.claude'), { recursive: true }),
    says: '! USER/.claude: is gone, so this agent sees nothing',
  },
  {
    state: 'entries that lead into another home',
    breaks: async ({ layout, at }) => {
      const path = join(layout.ledgers, 'claude-code.json')
      const text = (await readFile(path, 'utf8')).replaceAll(
        join(layout.surfaces, 'claude-code'),
        '/old/surfaces/x',
      )
      await writeFile(path, text)
      for (const name of await readdir(at('.claude/skills'))) {
        await unlink(at('.claude/skills', name))
        await symlink(`/old/surfaces/x/skills/${name}`, at('.claude/skills', name))
      }
    },
    says: '! claude-code: entries lead elsewhere than into this home: skills/plan, skills/quarterback, skills/review',
  },
  {
    state: 'a surface that waits for sessions, and no hook that tells of them',
    breaks: (scene) => scene.surface('claude-code', { switch: 'session' }),
    says: '! claude-code: waits for sessions to end, and no hook tells of them',
  },
  {
    state: 'a surface that has waited for a session longer than it may',
    breaks: async (scene) => {
      await scene.surface('claude-code', { switch: 'session', maxWait: 3600 })
      scene.hook = { ...scene.hook, is: 'installed' }
      takeLease(scene.layout, {
        id: 's',
        surface: 'claude-code',
        release: scene.release.directory,
        since: NOW,
      })
      await scene.activate((await scene.install(OTHER, COMMIT)).directory)
      await scene.look({ fix: true })
      const path = join(scene.layout.ledgers, 'claude-code.json')
      const ledger = JSON.parse(await readFile(path, 'utf8'))
      await writeFile(path, JSON.stringify({ ...ledger, waitsSince: formatInstant(NOW - DAY / 12) }))
    },
    says: '! claude-code: shows 2026.11.20-3f2a9c1, and has waited for sessions longer than it may',
  },
  {
    state: 'the hook of another installation',
    breaks: async (scene) => {
      scene.hook = { ...scene.hook, is: 'other' }
    },
    says: '! USER/.claude/settings.json: the hook is that of another installation of skillsctl',
  },
  {
    state: 'work that a killed run has left',
    breaks: async ({ layout }) => {
      const run = join(layout.staging, 'run-1-000000000000')
      await mkdir(run)
      await writeFile(
        join(run, 'owner.json'),
        JSON.stringify({ pid: 2 ** 22 + 1, started: '1', machine: await here() }),
      )
    },
    says: '- STAGING: a run was killed and left unfinished work',
    isNote: true,
  },
  {
    state: 'an activation that was killed before it was recorded',
    breaks: ({ layout }) => unlink(layout.history),
    says: '- HISTORY: a run was killed before it recorded what it did',
    isNote: true,
  },
  {
    state: 'copies that were taken out long ago',
    breaks: async ({ at }) =>
      mkdir(at('.claude/.skillsctl', `${NOW - DAY}-0123456789ab`), { recursive: true }),
    says: '- claude-code: copies that were taken out are still there',
    isNote: true,
  },
]

/** Faults that can be there at once: what is broken first does not keep the second from being broken. */
const PAIRS = [
  ['a pointer that is gone', 'a root that is gone'],
  ['a pointer that is gone', 'a ledger that cannot be read'],
  ['a ledger that cannot be read', 'a root that is gone'],
  ['a surface that did not follow', 'a ledger that cannot be read'],
  ['a surface that did not follow', 'a root that is gone'],
  ['a surface that waits for sessions, and no hook that tells of them', 'a root that is gone'],
  ['a surface that waits for sessions, and no hook that tells of them', 'a ledger that cannot be read'],
  ['the hook of another installation', 'a root that is gone'],
  ['an entry that somebody removed', 'a home that its owner may not write in'],
  ['entries that lead into another home', 'a pointer that is gone'],
] as const

const TOLD: Case[] = [
  {
    state: 'something of the person in the place of an entry',
    breaks: async (scene) => {
      await unlink(scene.at(OURS))
      await scene.write(`${OURS}/SKILL.md`, head('review'))
    },
    says: '- claude-code: skills/review: shadowed by USER/.claude/skills/review',
    left: /skillsctl surface adopt skills\/review/,
    isNote: true,
  },
  {
    state: 'a config that is no JSON',
    breaks: ({ layout }) => truncate(layout.config, 40),
    says: '! CONFIG: this is not JSON',
    left: /join again: skillsctl join <token>/,
  },
  {
    state: 'a config of which a part is gone',
    breaks: async ({ layout }) => {
      const { channel: _none, ...config } = JSON.parse(await readFile(layout.config, 'utf8'))
      await writeFile(layout.config, JSON.stringify(config))
    },
    says: '! CONFIG: unexpected value in CONFIG: channel: expected a string, found undefined',
    left: /join again: skillsctl join <token>/,
  },
  {
    state: 'a surface that is odd in the config',
    presets: ['claude-code', 'agents'],
    breaks: (scene) => changeSurface(scene, 0, { by: 'hardlink' }),
    says: '! CONFIG: unexpected value in config.surfaces[0].by: expected a string like ^(?:link|copy)$, found "hardlink"; the other surfaces go on without it',
    left: /skillsctl surface add claude-code/,
  },
  {
    state: 'surfaces that are no list',
    breaks: async ({ layout }) => {
      const config = JSON.parse(await readFile(layout.config, 'utf8'))
      await writeFile(layout.config, JSON.stringify({ ...config, surfaces: {} }))
    },
    says: '! CONFIG: unexpected value in config.surfaces: expected a list of at most 1000, found object; the other surfaces go on without it',
    left: /mend it there/,
  },
  {
    state: 'a file in the place of the root',
    breaks: async (scene) => {
      await rename(scene.at('.claude'), scene.at('away'))
      await scene.write('.claude', '')
    },
    says: '! USER/.claude: a file (or an alias) is in its place',
    left: /move it away, then: skillsctl doctor --fix/,
  },
  {
    state: 'a link that leads nowhere in the place of the root',
    breaks: async (scene) => {
      await rename(scene.at('.claude'), scene.at('away'))
      await symlink('/nowhere', scene.at('.claude'))
    },
    says: '! USER/.claude: a link that leads nowhere is in its place',
    left: /move it away/,
  },
  {
    state: 'a file in the place of a folder',
    breaks: async (scene) => {
      await rename(scene.at('.claude/skills'), scene.at('away'))
      await scene.write('.claude/skills', '')
    },
    says: '! USER/.claude/skills: a file (or an alias) is in its place',
    left: /\(move it away, then: skillsctl doctor --fix\)/,
  },
  {
    state: 'a skills folder that is a link',
    breaks: async (scene) => {
      await rename(scene.at('.claude/skills'), scene.at('skills'))
      await symlink(scene.at('skills'), scene.at('.claude/skills'))
    },
    says: '- USER/.claude/skills: is a link: some versions of agents do not look through it',
    left: /a directory of that name/,
    isNote: true,
  },
  {
    state: 'a clock that is behind',
    breaks: ({ know }) => know({ signedAt: formatInstant(NOW + 2 * DAY) }),
    says: '! clock: the repository was signed 2 days in the future',
    left: /set this machine's clock/,
  },
  {
    state: 'a clock that went back',
    breaks: ({ know }) => know({ checkedAt: formatInstant(NOW + DAY / 2) }),
    says: '! clock: the last check was 12 h in the future',
    left: /set this machine's clock/,
  },
  {
    state: 'a machine that has not asked for days',
    breaks: ({ know }) => know({ checkedAt: formatInstant(NOW - 4 * DAY) }),
    says: '! stable: not checked for 4 days',
    left: /skillsctl pull/,
  },
  {
    state: 'a repository that nobody renews',
    breaks: ({ know }) => know({ signedAt: formatInstant(NOW - 5 * DAY) }),
    says: '! stable: was last signed 5 days ago: a frozen mirror, or nobody renews',
    left: /skillsctl renew/,
  },
  {
    state: 'a signature that has expired',
    breaks: ({ know }) => know({ expiresAt: formatInstant(NOW - DAY) }),
    says: '! stable: the signature of the repository expired at 2026-11-20T12:00:00Z',
    left: /skillsctl renew/,
  },
  {
    state: 'a check that failed',
    breaks: ({ know }) =>
      know({ problem: { code: 'unreachable', message: 'no answer', at: formatInstant(NOW) } }),
    says: '! stable: the last check failed at 2026-11-21T12:00:00Z: unreachable, no answer',
    left: /skillsctl pull/,
  },
  {
    state: 'a pin',
    breaks: ({ know, release }) => know({ pin: { version: release.version, manifest: release.manifest } }),
    says: '- 2026.11.20-3f2a9c1: this machine is pinned to it: updates wait',
    left: /skillsctl unpin/,
    isNote: true,
  },
  {
    state: 'an update that is not installed',
    breaks: ({ know }) => know({ head: { version: '2026.11.21-ccccccc', manifest: 'c'.repeat(64) } }),
    says: '- 2026.11.21-ccccccc: is available',
    left: /skillsctl pull/,
    isNote: true,
  },
  {
    state: 'a release with a local edit',
    breaks: async ({ layout, release }) => {
      const path = join(layout.releases, release.directory, 'skills/plan/SKILL.md')
      await chmod(path, 0o644)
      await writeFile(path, `${head('plan')}more\n`)
    },
    says: '- 2026.11.20-3f2a9c1: edited on this machine: skills/plan/SKILL.md',
    left: /skillsctl edits; .+ skillsctl pull/,
    isNote: true,
  },
  {
    state: 'a release of which a file is gone',
    breaks: ({ layout, release }) =>
      unlink(join(layout.releases, release.directory, 'skills/quarterback/scripts/run.sh')),
    says: '! 2026.11.20-3f2a9c1: files are gone from it: skills/quarterback/scripts/run.sh',
    left: /skillsctl edits; .+ skillsctl pull/,
  },
  {
    state: 'a surface that waits for a session',
    breaks: async (scene) => {
      await scene.surface('claude-code', { switch: 'session' })
      scene.hook = { ...scene.hook, is: 'installed' }
      takeLease(scene.layout, {
        id: 's',
        surface: 'claude-code',
        release: scene.release.directory,
        since: NOW,
      })
      await scene.activate((await scene.install(OTHER, COMMIT)).directory)
    },
    says: '- claude-code: shows 2026.11.20-3f2a9c1 until a session ends',
    left: /follows when a session begins/,
    isNote: true,
  },
  {
    state: 'the hook of another home, and none of ours',
    breaks: async (scene) => {
      await scene.surface('claude-code', { switch: 'session' })
      scene.hook = { ...scene.hook, is: 'foreign', otherHomes: ['/elsewhere'] }
    },
    says: '! USER/.claude/settings.json: the hook here is of another home: /elsewhere',
    left: /hook claude-code --install/,
  },
  {
    state: 'a surface that waits for a session to begin, as none is open',
    breaks: async (scene) => {
      await scene.surface('claude-code', { switch: 'session' })
      scene.hook = { ...scene.hook, is: 'installed' }
      const { directory } = await scene.install(OTHER, COMMIT)
      await scene.activate(directory)
      await followCurrent(scene.context)
    },
    says: '- claude-code: shows 2026.11.20-3f2a9c1 until the next session begins',
    left: /follows when a session begins/,
    isNote: true,
  },
  {
    state: 'a ledger that cannot be read of a surface that was removed',
    presets: ['claude-code', 'agents'],
    breaks: async ({ context, layout }) => {
      await removeSurface(context, 'agents')
      await writeFile(join(layout.ledgers, 'agents.json'), '{"format":')
    },
    says: '- LEDGERS/agents.json: the ledger of a surface that is not there any more: the ledger of this surface is damaged',
    left: /the next update sets it aside/,
    isNote: true,
  },
  {
    state: 'a hook that a policy keeps from running',
    breaks: async (scene) => {
      await scene.surface('claude-code', { switch: 'session' })
      scene.hook = { ...scene.hook, is: 'installed' }
      await scene.system('etc/claude-code/managed-settings.json', '{"allowManagedHooksOnly": true}')
    },
    says: '! claude-code: its hook does not run: allowManagedHooksOnly in SYSTEM/etc/claude-code/managed-settings.json',
    left: /ask whoever keeps that file/,
  },
  {
    state: 'settings in which nobody can tell whether the hook is there',
    breaks: async (scene) => {
      await scene.surface('claude-code', { switch: 'session' })
      const problem = new SkillsctlError('corrupt', 'this is not JSON')
      scene.hook = { ...scene.hook, is: 'unreadable', problem }
    },
    says: '! USER/.claude/settings.json: whether the hook is there cannot be told: this is not JSON',
    left: /mend these settings/,
  },
  {
    state: 'an agent without hooks whose surface waits for sessions',
    breaks: async (scene) => {
      await scene.surface('claude-code', { switch: 'session' })
      scene.hook = { is: 'unsupported' }
    },
    says: '- claude-code: its agent tells nobody when a session ends: it moves 24 h late',
    left: /--switch now/,
    isNote: true,
  },
  {
    state: 'a root that is gone with its disk, perhaps',
    presets: [],
    breaks: async (scene) => {
      await scene.surface('claude-code', { root: join(scene.host.root, 'disk/agent') })
      await rm(join(scene.host.root, 'disk'), { recursive: true })
    },
    says: '! SYSTEM/disk/agent: is gone, so this agent sees nothing',
    left: /mount its disk/,
  },
  {
    state: 'a ledger of a newer skillsctl',
    breaks: ({ layout }) =>
      writeFile(join(layout.ledgers, 'claude-code.json'), '{"format":"skillsctl-ledger/2"}'),
    says: '! claude-code: this surface was managed by another version of skillsctl',
    left: /install a newer skillsctl/,
  },
  {
    state: 'a file where a directory of the home belongs',
    breaks: async ({ layout }) => {
      await rm(layout.leases, { recursive: true })
      await writeFile(layout.leases, '')
    },
    says: '! LEASES: a file is where a directory belongs',
    left: /move it away/,
  },
  {
    state: 'a file where the ledgers belong',
    breaks: async ({ layout }) => {
      await rm(layout.ledgers, { recursive: true })
      await writeFile(layout.ledgers, '')
    },
    says: '! LEDGERS: a file is where a directory belongs',
    left: /move it away/,
  },
  {
    state: 'a surface that waits for a session, after its ledger was lost',
    breaks: async (scene) => {
      await scene.surface('claude-code', { switch: 'session' })
      scene.hook = { ...scene.hook, is: 'installed' }
      takeLease(scene.layout, {
        id: 's',
        surface: 'claude-code',
        release: scene.release.directory,
        since: NOW,
      })
      await scene.activate((await scene.install(OTHER, COMMIT)).directory)
      await truncate(join(scene.layout.ledgers, 'claude-code.json'))
    },
    says: '- claude-code: shows 2026.11.20-3f2a9c1 until a session ends',
    left: /follows when a session begins/,
    isNote: true,
  },
  {
    state: 'a policy that lets only plugins bring skills',
    breaks: ({ system }) =>
      system('etc/claude-code/managed-settings.d/10.json', '{"strictPluginOnlyCustomization": ["skills"]}'),
    says: '! claude-code: skills/plan, skills/quarterback, skills/review: invisible to Claude Code because strictPluginOnlyCustomization in SYSTEM/etc/claude-code/managed-settings.d/10.json lets only plugins bring skills',
    left: /strictPluginOnlyCustomization/,
  },
  {
    state: 'a skill of the administrator of the same name',
    breaks: ({ system }) => system('etc/claude-code/.claude/skills/plan/SKILL.md', head('plan')),
    says: '! claude-code: skills/plan: shadowed to Claude Code by SYSTEM/etc/claude-code/.claude/skills/plan',
    left: /rename or remove the other one/,
  },
  {
    state: 'a skill that the person switched off',
    breaks: ({ write }) => write('.claude/settings.json', '{"skillOverrides": {"plan": "off"}}'),
    says: '- claude-code: skills/plan: invisible to Claude Code because skillOverrides in USER/.claude/settings.json says off',
    left: /skillOverrides/,
    isNote: true,
  },
  {
    state: 'a skill of which only the name is listed',
    breaks: ({ write }) => write('.claude/settings.json', '{"skillOverrides": {"plan": "name-only"}}'),
    says: '- claude-code: skills/plan: skillOverrides in USER/.claude/settings.json says name-only',
    left: /name-only/,
    isNote: true,
  },
  {
    state: 'settings that are no JSON',
    breaks: ({ write }) => write('.claude/settings.json', '{"skillOverrides": '),
    says: '- USER/.claude/settings.json: these settings cannot be read: whether they hide anything is not verified',
    left: /not verified/,
    isNote: true,
  },
  {
    state: 'a shell in which Claude Code reads no skills',
    breaks: async () => {},
    look: { variables: { CLAUDE_CODE_SIMPLE: '1' } },
    says: '- claude-code: skills/plan, skills/quarterback, skills/review: invisible to Claude Code because CLAUDE_CODE_SIMPLE is set in this environment',
    left: /CLAUDE_CODE_SIMPLE/,
    isNote: true,
  },
  {
    state: 'a shell whose Claude Code reads another directory',
    breaks: async () => {},
    look: { variables: { CLAUDE_CONFIG_DIR: '/else where' } },
    says: '- USER/.claude: in this environment its agent reads /else where',
    left: /--root '\/else where'/,
    isNote: true,
  },
  {
    state: 'a plugin among the skills',
    files: { ...SKILLS, 'skills/plan/.claude-plugin/plugin.json': '{"name": "planner"}' },
    breaks: async () => {},
    says: '- claude-code: plugins among the skills: skills/plan',
    left: /not verified/,
    isNote: true,
  },
  {
    state: 'a plugin among the skills that the person switched off',
    files: { ...SKILLS, 'skills/plan/.claude-plugin/plugin.json': '{"name": "planner"}' },
    breaks: ({ write }) =>
      write('.claude/settings.json', '{"enabledPlugins": {"planner@skills-dir": false}}'),
    says: '- claude-code: skills/plan: invisible to Claude Code because enabledPlugins in USER/.claude/settings.json switches planner@skills-dir off',
    left: /planner/,
    isNote: true,
  },
  {
    state: 'a folder of skills, which Claude Code does not look into',
    files: { 'skills/group/plan/SKILL.md': head('plan') },
    breaks: async () => {},
    says: '! claude-code: skills/group: invisible to Claude Code because it has no SKILL.md',
    left: /invisible/,
  },
  {
    state: 'more text than Claude Code lists',
    files: Object.fromEntries(
      Array.from({ length: 9 }, (_, index) => [
        `skills/s${index}/SKILL.md`,
        head(`s${index}`, 'x'.repeat(1000)),
      ]),
    ),
    breaks: async () => {},
    says: '- Claude Code: lists 8000 characters of names and descriptions, and 9 skills, 9063 characters are there',
    left: /shorten descriptions/,
    isNote: true,
  },
  {
    state: 'a name that some agents refuse',
    files: { 'skills/plan/SKILL.md': head('Plan') },
    breaks: async () => {},
    says: '- plan: its name may have lower-case letters (a-z), digits and single hyphens between them only',
    left: /choose another name/,
    isNote: true,
  },
  {
    state: 'a skill without a head',
    files: { 'skills/plan/SKILL.md': '# plan\n' },
    breaks: async () => {},
    says: '- plan: its SKILL.md has no head between two lines of ---',
    left: /some agents leave it out/,
    isNote: true,
  },
  {
    state: 'a skill that Codex leaves out',
    files: { 'skills/plan/SKILL.md': '# plan\n' },
    presets: ['agents'],
    breaks: ({ at }) => mkdir(at('.codex')),
    says: '! agents: skills/plan: invisible to Codex because its SKILL.md has no head between two lines of ---',
    left: /invisible to Codex/,
  },
  {
    state: 'a skill that the person switched off in Codex',
    presets: ['agents'],
    breaks: ({ write }) =>
      write(
        '.codex/config.toml',
        'model = "x"\n[[skills.config]]\nname = "plan"\nenabled = false # too much\n\n[tui]\n',
      ),
    says: '- agents: skills/plan: invisible to Codex because USER/.codex/config.toml switches it off',
    left: /switches it off/,
    isNote: true,
  },
  {
    state: 'a skill that the person switched off in Gemini CLI',
    presets: ['agents'],
    breaks: ({ write }) => write('.gemini/settings.json', '{"skills": {"disabled": ["Plan"]}} // enough'),
    says: '- agents: skills/plan: invisible to Gemini CLI because USER/.gemini/settings.json switches it off',
    left: /switches it off/,
    isNote: true,
  },
  {
    state: 'skills that an administrator switched off in Gemini CLI',
    presets: ['agents'],
    breaks: async ({ at, system }) => {
      await mkdir(at('.gemini'))
      await system('/etc/gemini-cli/settings.json', '{"skills": {"enabled": false}}')
    },
    says: '! agents: skills/plan, skills/quarterback, skills/review: invisible to Gemini CLI because SYSTEM/etc/gemini-cli/settings.json switches all skills off',
    left: /switches all skills off/,
  },
  {
    state: 'a skill that the person denied to OpenCode',
    presets: ['agents'],
    breaks: ({ write }) =>
      write('.config/opencode/opencode.json', '{"permission": {"skill": {"*": "allow", "pl?n": "deny"}}}'),
    says: '- agents: skills/plan: invisible to OpenCode because permission in USER/.config/opencode/opencode.json denies it',
    left: /denies it/,
    isNote: true,
  },
  {
    state: 'a skill of the same name in the other folder of OpenCode',
    presets: ['agents'],
    breaks: ({ write }) => write('.config/opencode/skill/mine/SKILL.md', head('plan')),
    says: '- agents: skills/plan: duplicated to OpenCode with USER/.config/opencode/skill/mine (not verified)',
    left: /leave it out of one of the two/,
    isNote: true,
  },
  {
    state: 'a copy of the person beside ours, of which an agent takes one',
    presets: ['agents'],
    breaks: async ({ at, write }) => {
      await mkdir(at('.gemini'))
      await write('.agents/skills/copy/SKILL.md', head('plan'))
    },
    says: '- agents: skills/plan: duplicated to Gemini CLI with USER/.agents/skills/copy (not verified)',
    left: /leave it out of one of the two/,
    isNote: true,
  },
  {
    state: 'two surfaces that Cursor reads both',
    presets: ['claude-code', 'agents'],
    breaks: ({ at }) => mkdir(at('.cursor')),
    says: '- agents: skills/plan, skills/quarterback, skills/review: duplicated to Cursor with USER/.claude/skills (not verified)',
    left: /leave it out of one of the two/,
    isNote: true,
  },
  {
    state: 'a copy that somebody edited',
    presets: [],
    breaks: async (scene) => {
      await scene.surface('claude-code', { by: 'copy' })
      await writeFile(scene.at(OURS, 'SKILL.md'), `${head('review')}mine\n`)
    },
    says: '- claude-code: edited on this machine: skills/review',
    left: /sets these edits aside/,
    isNote: true,
  },
]

async function changeSurface({ layout }: Scene, index: number, change: object): Promise<void> {
  const config = JSON.parse(await readFile(layout.config, 'utf8'))
  config.surfaces[index] = { ...config.surfaces[index], ...change }
  await writeFile(layout.config, JSON.stringify(config))
}

async function here(): Promise<string> {
  const { ownIdentity } = await import('../../src/disk/process-identity.ts')
  return ownIdentity().machine
}

function filled(text: string, { layout, user, host }: Scene): string {
  const paths = {
    USER: user,
    SYSTEM: host.root,
    RELEASES: layout.releases,
    STAGING: layout.staging,
    HISTORY: layout.history,
    KEPT: layout.kept,
    LEASES: layout.leases,
    LEDGERS: layout.ledgers,
    CONFIG: layout.config,
  }
  return text.replace(
    /[A-Z]{4,}(?=[:/])/g,
    (name) => Object.entries(paths).find(([key]) => key === name)?.[1] ?? name,
  )
}

function isSaid(line: string, says: string): boolean {
  return line === says || line.startsWith(`${says} (`) || line.startsWith(`${says}, since`)
}

function isWell({ findings }: { findings: readonly { level: string }[] }): boolean {
  return findings.every(({ level }) => level !== 'problem')
}

describe('doctor', () => {
  it('finds nothing wrong where nothing is', async () => {
    const report = await (await createScene()).look()
    expect(linesOf(report)).toEqual(CLEAN)
    expect(report.findings.filter(({ level }) => level !== 'ok')).toEqual([])
  })

  it.each(FIXED)('fixes $state', async ({ breaks, says, look, isNote, files, presets }) => {
    const scene = await createScene(files, presets)
    await breaks(scene)
    const broken = await scene.look(look)
    const lines = linesOf(broken)
    expect(lines.find((line) => isSaid(line, filled(says, scene))) ?? lines).toContain(
      'skillsctl doctor --fix',
    )
    expect(isWell(broken)).toBe(isNote === true)
    const { failed, fixed } = await scene.look({ ...look, fix: true })
    expect({ failed, fixed: fixed.length > 0 }).toEqual({ failed: [], fixed: true })
    const again = await scene.look({ ...look, fix: true })
    expect({ lines: linesOf(again), fixed: again.fixed }).toEqual({ lines: CLEAN, fixed: [] })
  })

  it('does not count what is visible where the root is gone', async () => {
    const scene = await createScene(SKILLS, [])
    await scene.surface('claude-code', { root: join(scene.host.root, 'disk/agent') })
    await rm(join(scene.host.root, 'disk'), { recursive: true })
    expect(linesOf(await scene.look()).at(-1)).toBe(
      'claude-code: nothing is visible, as its root is not there',
    )
  })

  it('tells of a damaged ledger, and not that what is of the release were the person’s', async () => {
    const scene = await createScene()
    await truncate(join(scene.layout.ledgers, 'claude-code.json'), 40)
    expect(linesOf(await scene.look())).toEqual([
      expect.stringMatching(/^! claude-code: its ledger is damaged/),
      ...CLEAN,
    ])
  })

  it('does not take what a killed switch was about to make for something that was left', async () => {
    const scene = await createScene()
    const path = join(scene.layout.ledgers, 'claude-code.json')
    const { shows: _none, ...ledger } = JSON.parse(await readFile(path, 'utf8'))
    ledger.entries['skills/coming'] = ledger.entries['skills/plan']
    await writeFile(path, JSON.stringify(ledger))
    const problems = linesOf(await scene.look()).filter((line) => line.startsWith('!'))
    expect(problems).toEqual([expect.stringContaining('a switch was left half done')])
  })

  it('fixes in one run what only shows when something else is fixed', async () => {
    const scene = await createScene(SKILLS, [])
    await scene.surface('claude-code', { switch: 'session' })
    await rename(scene.at('.claude'), scene.at('away'))
    const { fixed, failed } = await scene.look({ fix: true })
    expect({ checks: fixed.map(({ check }) => check), failed }).toEqual({
      checks: ['root', 'hook'],
      failed: [],
    })
    expect(linesOf(await scene.look())).toEqual(CLEAN)
  })

  it.each(PAIRS)('fixes %s and %s in one run', async (...states) => {
    const scene = await createScene()
    for (const state of states) await FIXED.find((one) => one.state === state)?.breaks(scene)
    expect(linesOf(await scene.look())).not.toEqual(CLEAN)
    expect((await scene.look({ fix: true })).failed).toEqual([])
    expect(linesOf(await scene.look())).toEqual(CLEAN)
  })

  it('says of links whose pointer is gone that they lead nowhere', async () => {
    const scene = await createScene()
    await unlink(join(scene.layout.surfaces, 'claude-code'))
    expect(linesOf(await scene.look())).toContainEqual(
      expect.stringMatching(/skills\/review: invisible because its link leads nowhere$/),
    )
  })

  it('says whom a surface is for when none of them is there', async () => {
    const scene = await createScene(SKILLS, ['agents'])
    expect(linesOf(await scene.look())).toEqual([
      'agents: 3 of 3 skills in place; no agent that reads here was found (it is for Codex, Cursor, Gemini CLI, Copilot, OpenCode)',
    ])
  })

  it('lets one surface that is odd be written anew, and the others be removed meanwhile', async () => {
    const scene = await createScene(SKILLS, ['claude-code', 'agents'])
    await changeSurface(scene, 0, { by: 'hardlink' })
    expect(linesOf(await scene.look()).at(-1)).toMatch(/^agents: 3 of 3 skills/)
    await removeSurface(scene.context, 'agents')
    await expect(removeSurface(scene.context, 'claude-code')).rejects.toMatchObject({
      code: 'corrupt',
      subject: 'config.surfaces[0].by',
    })
    await scene.surface('claude-code')
    expect(linesOf(await scene.look())).toEqual(CLEAN)
  })

  it('fixes a damaged ledger of a place that no file reaches', async () => {
    const scene = await createScene(SKILLS, ['claude-code', 'claude-desktop'])
    await writeFile(join(scene.layout.ledgers, 'claude-desktop.json'), 'torn')
    const says = '! claude-desktop: its ledger is damaged: nobody knows what is ours there'
    expect(linesOf(await scene.look())).toContainEqual(expect.stringContaining(says))
    const { failed, fixed } = await scene.look({ fix: true })
    expect({ failed, fixed: fixed.length }).toEqual({ failed: [], fixed: 1 })
    expect((await readdir(scene.layout.kept)).join()).toMatch(/^ledger-claude-desktop-[^,]+$/)
    await scene.surface('claude-desktop')
  })

  it.each(TOLD)('tells of $state', async ({ breaks, says, left, look, isNote, files, presets }) => {
    const scene = await createScene(files, presets)
    await breaks(scene)
    const report = await scene.look({ ...look, fix: true })
    const lines = linesOf(report)
    const line = lines.find((one) => isSaid(one, filled(says, scene)))
    expect(line ?? lines.join('\n')).toMatch(left ?? /$^/)
    expect(isWell(report)).toBe(isNote === true)
  })
})
