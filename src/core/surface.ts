/**
 * Surfaces (SPEC.md, "Surfaces"): the places where agents look. Which entries a surface takes from a release, and the
 * table of those places: adding an agent is adding a row.
 */
import { SkillsctlError } from './errors.ts'
import { Links, type PartFile } from './linked.ts'
import type { Entry } from './manifest.ts'
import { type Fields, integer, list, object, optional, string } from './parse.ts'

/** Folders of a release that agents know, by the name that they have on both sides. */
export const FOLDERS = ['skills', 'commands', 'agents', 'prompts'] as const
export type Folder = (typeof FOLDERS)[number]

/** Where an agent is told to call our hook, in the shape of Claude Code's settings. */
export interface HookSettings {
  /** Below the root. */
  readonly file: string
  readonly events: readonly string[]
}

export interface Preset {
  readonly name: string
  /** Who reads it, for people. */
  readonly agents: string
  /** Environment variable that moves the root, with what follows its value. */
  readonly variable?: { readonly name: string; readonly below: string } | undefined
  /** Relative to the person's home directory; undefined for a place that no file reaches. */
  readonly root?: string | undefined
  readonly folders: readonly Folder[]
  /** Of an agent that can tell us when its sessions begin and end. */
  readonly hook?: HookSettings | undefined
}

/** `../shared/AGENTS.md` §1 is where these come from; SPEC.md says which facts each row relies on. */
export const PRESETS: readonly Preset[] = [
  {
    name: 'claude-code',
    agents: 'Claude Code, Claude Desktop (Code tab)',
    variable: { name: 'CLAUDE_CONFIG_DIR', below: '' },
    root: '.claude',
    folders: ['skills', 'commands', 'agents'],
    hook: { file: 'settings.json', events: ['SessionStart', 'SessionEnd'] },
  },
  {
    name: 'agents',
    agents: 'Codex, Cursor, Gemini CLI, Copilot, OpenCode',
    root: '.agents',
    folders: ['skills'],
  },
  {
    name: 'codex',
    agents: 'Codex (its own root)',
    variable: { name: 'CODEX_HOME', below: '' },
    root: '.codex',
    folders: ['skills', 'prompts'],
  },
  { name: 'cursor', agents: 'Cursor (its own root)', root: '.cursor', folders: ['skills', 'commands'] },
  { name: 'gemini-cli', agents: 'Gemini CLI (its own root)', root: '.gemini', folders: ['skills'] },
  { name: 'copilot', agents: 'Copilot (its own root)', root: '.copilot', folders: ['skills'] },
  {
    name: 'opencode',
    agents: 'OpenCode (its own root)',
    variable: { name: 'XDG_CONFIG_HOME', below: 'opencode' },
    root: '.config/opencode',
    folders: ['skills'],
  },
  { name: 'claude-desktop', agents: 'Claude Desktop (chat), Cowork, claude.ai', folders: ['skills'] },
]

/** The preset of a surface whose root a person named. */
export const CUSTOM: Preset = { name: 'custom', agents: 'whoever reads there', folders: ['skills'] }

export function findPreset(name: string): Preset | undefined {
  return name === CUSTOM.name ? CUSTOM : PRESETS.find((preset) => preset.name === name)
}

/**
 * What becomes of something that a person has in the place of an entry, and that differs from the release. `keep`: it is
 * shown, as an edit. `take`: the release's is shown, it goes to `kept/`. `skip`: it stays, and shadows the entry.
 */
export const ADOPTIONS = ['keep', 'take', 'skip'] as const
export type Adoption = (typeof ADOPTIONS)[number]

/** One place where an agent looks, as a person chose it. */
export interface Surface {
  readonly name: string
  /** Name of a preset. */
  readonly preset: string
  /** Absolute directory that holds the folders; undefined for a place that no file reaches. */
  readonly root: string | undefined
  readonly folders: readonly Folder[]
  /** How entries get there: links into the home, or copies. */
  readonly by: 'link' | 'copy'
  /** When it follows `current`: at once, or between sessions. */
  readonly switch: 'now' | 'session'
  /** Longest wait for a session to end. Seconds. */
  readonly maxWait: number
  /** Patterns of entries that it takes; empty means all. */
  readonly only: readonly string[]
  /** Patterns of entries that it leaves out. */
  readonly except: readonly string[]
  /** Until a release was first shown there: what becomes of what a person had there before. */
  readonly adopt?: Adoption | undefined
  /** Directory of `kept/` that holds what was there before. */
  readonly snapshot?: string | undefined
  /** Absolute directories that were not there before us, with all below them. */
  readonly made?: readonly string[] | undefined
}

/** Seconds. */
export const MAX_WAIT = 24 * 60 * 60
const NAME = /^[a-z][a-z0-9-]{0,39}$/

/** @throws SkillsctlError `usage` */
export function checkSurfaceName(name: string): string {
  if (NAME.test(name)) return name
  throw new SkillsctlError('usage', 'this is not a name for a surface', {
    subject: name,
    expected: 'a lower-case letter, then lower-case letters, digits and hyphens, 40 at most',
  })
}

/** One surface of `config.json`. @throws SkillsctlError `corrupt` */
export function parseSurface(value: unknown, subject: string): Surface {
  const fields: Fields = object(value, subject)
  const texts = (key: string): readonly string[] =>
    optional(fields[key], `${subject}.${key}`, (found) =>
      list(found, `${subject}.${key}`, 1000).map((text) => string(text, `${subject}.${key}`)),
    ) ?? []
  return {
    name: string(fields['name'], `${subject}.name`, NAME),
    preset: string(fields['preset'], `${subject}.preset`),
    root: optional(fields['root'], `${subject}.root`, (root) => string(root, `${subject}.root`, /^\//)),
    folders: FOLDERS.filter((folder) => texts('folders').includes(folder)),
    by: string(fields['by'], `${subject}.by`, /^(?:link|copy)$/) === 'copy' ? 'copy' : 'link',
    switch: string(fields['switch'], `${subject}.switch`, /^(?:now|session)$/) === 'now' ? 'now' : 'session',
    maxWait: integer(fields['maxWait'], `${subject}.maxWait`),
    only: texts('only'),
    except: texts('except'),
    adopt: ADOPTIONS.find((known) => known === fields['adopt']),
    snapshot: optional(fields['snapshot'], `${subject}.snapshot`, string),
    made: texts('made').filter((path) => path.startsWith('/')),
  }
}

/** Something that an agent sees under one name: a directory of the release, or one file of it. */
export interface SurfaceEntry {
  /** Below the surface's root: `skills/quarterback`. */
  readonly place: string
  /** Below the release: usually the same. */
  readonly source: string
  readonly kind: 'directory' | 'file'
  /** Of its content: equal digests mean that an agent sees the same. */
  readonly digest: string
  /** Its files and links, by their paths in the release. */
  readonly files: readonly Entry[]
  /** What a reader finds in it, also behind its links. */
  readonly parts: readonly PartFile[]
}

/**
 * What a surface shows of a release: each directory of `skills/` (or, in a repository without that, each directory
 * with a SKILL.md), and each file and directory of its other folders.
 * @param takes whether a pattern of the surface lets this name in
 */
export function entriesOf(
  files: readonly Entry[],
  folders: readonly Folder[],
  takes: (name: string) => boolean,
  hash: (text: string) => string,
): Map<string, SurfaceEntry> {
  const groups = new Map<string, { source: string; files: Entry[] }>()
  const atTheTop = skillsAtTheTop(files)
  for (const file of files) {
    const found = placeOf(file.path, folders, atTheTop)
    if (found === undefined || !takes(found.place)) continue
    const group = groups.get(found.place) ?? { source: found.source, files: [] }
    group.files.push(file)
    groups.set(found.place, group)
  }
  const links = new Links(files)
  const entries = [...groups].map(([place, { source, files }]): SurfaceEntry => {
    const parts = links.filesOf(source, files)
    const kind = parts.length === 1 && parts[0]?.path === '' ? 'file' : 'directory'
    return { place, source, kind, files, parts, digest: hash(parts.map(lineOf).join('')).slice(0, 16) }
  })
  // A link that leads nowhere is no entry.
  return new Map(entries.filter(({ parts }) => parts.length > 0).map((entry) => [entry.place, entry]))
}

/** Directories at the top that are skills, in a repository that has no `skills/`. */
export function skillsAtTheTop(files: readonly Entry[]): ReadonlySet<string> {
  if (files.some(({ path }) => path.startsWith('skills/'))) return new Set()
  const named = files.flatMap(({ path }) => /^([^/.][^/]*)\/SKILL\.md$/.exec(path)?.[1] ?? [])
  return new Set(named.filter((name) => !FOLDERS.some((folder) => folder === name)))
}

/** What an agent sees under one name, as the path that it has in the release: of which this path is, or is a part. */
export function sourceOf(
  path: string,
  folders: readonly Folder[],
  atTheTop: ReadonlySet<string>,
): string | undefined {
  return placeOf(path, folders, atTheTop)?.source
}

function placeOf(
  path: string,
  folders: readonly Folder[],
  atTheTop: ReadonlySet<string>,
): { place: string; source: string } | undefined {
  const [top = '', name, ...rest] = path.split('/')
  if (atTheTop.has(top) && folders.includes('skills')) return { place: `skills/${top}`, source: top }
  const folder = folders.find((known) => known === top)
  // Agents skip names with a dot, or take them for something of their own.
  if (folder === undefined || name === undefined || name.startsWith('.')) return undefined
  if (folder === 'skills' && rest.length === 0) return undefined
  return { place: `${folder}/${name}`, source: `${folder}/${name}` }
}

function lineOf(file: PartFile): string {
  const content = file.mode === 'link' ? file.target : file.integrity
  return `${file.mode} ${content} ${file.path}\n`
}
