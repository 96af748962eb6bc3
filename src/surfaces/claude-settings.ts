/**
 * Settings of Claude Code that hide what lies in a person's directory, or keep their hooks from running. Files of a person
 * and of an administrator: what is odd in them is left to Claude Code, and said.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { errnoOf } from '../disk/fault.ts'
import type { Hiding } from './hiding.ts'
import type { Host } from './host.ts'
import type { Seen } from './scan.ts'

/** Who has said something, and where. */
export interface Said<T> {
  readonly value: T
  readonly path: string
  readonly isManaged: boolean
}

export interface ClaudeSettings {
  /** Only plugins may bring skills. */
  readonly pluginsOnly: Said<true> | undefined
  /** Hooks of a person do not run. */
  readonly noHooks:
    | Said<'allowManagedHooksOnly' | 'disableAllHooks' | 'strictPluginOnlyCustomization'>
    | undefined
  /** By skill: `off`, `name-only`, `user-invocable-only`, `on`. */
  readonly overrides: ReadonlyMap<string, Said<string>>
  /** Plugins that are switched off, by name: a skill with `.claude-plugin/plugin.json` goes with the plugin. */
  readonly pluginsOff: ReadonlyMap<string, Said<false>>
  /** Files that are no JSON objects. */
  readonly unreadable: readonly string[]
}

const MANAGED = { linux: 'etc/claude-code', darwin: 'Library/Application Support/ClaudeCode' } as const

/** Marketplace of the plugins that lie among the skills. */
const IN_SKILLS = '@skills-dir'

/** @param root of the person's surface, `~/.claude` */
export function readClaudeSettings(root: string, host: Host): ClaudeSettings {
  const managed = join(host.root, MANAGED[host.platform])
  const dropIns = join(managed, 'managed-settings.d')
  const files = [
    { path: join(root, 'settings.json'), isManaged: false },
    { path: join(managed, 'managed-settings.json'), isManaged: true },
    ...jsonIn(dropIns).map((name) => ({ path: join(dropIns, name), isManaged: true })),
  ]
  const read = files.map((file) => ({ ...file, fields: fieldsOf(file.path) }))
  const overrides = new Map<string, Said<string>>()
  const pluginsOff = new Map<string, Said<false>>()
  let [pluginsOnly, noHooks]: [ClaudeSettings['pluginsOnly'], ClaudeSettings['noHooks']] = [
    undefined,
    undefined,
  ]
  for (const { path, isManaged, fields } of read) {
    if (fields === undefined || fields === 'unreadable') continue
    const said = <T>(value: T): Said<T> => ({ value, path, isManaged })
    const strict = isManaged ? fields['strictPluginOnlyCustomization'] : undefined
    if (locks(strict, 'skills')) pluginsOnly = said(true)
    if (locks(strict, 'hooks')) noHooks = said('strictPluginOnlyCustomization')
    if (isManaged && fields['allowManagedHooksOnly'] === true) noHooks = said('allowManagedHooksOnly')
    if (fields['disableAllHooks'] === true) noHooks = said('disableAllHooks')
    for (const [skill, value] of Object.entries(Object(fields['skillOverrides'])))
      if (typeof value === 'string') overrides.set(skill, said(value))
    for (const [plugin, value] of Object.entries(Object(fields['enabledPlugins'])))
      if (value === false && plugin.endsWith(IN_SKILLS))
        pluginsOff.set(plugin.slice(0, -IN_SKILLS.length), said(value))
  }
  const unreadable = read.flatMap(({ path, fields }) => (fields === 'unreadable' ? [path] : []))
  return { pluginsOnly, noHooks, overrides, pluginsOff, unreadable }
}

/** What these settings make of a skill that would be listed. */
export function hiddenByClaude(settings: ClaudeSettings, { name, path }: Seen): Hiding | undefined {
  const { pluginsOnly, pluginsOff, overrides } = settings
  if (pluginsOnly !== undefined) {
    const because = `strictPluginOnlyCustomization in ${pluginsOnly.path} lets only plugins bring skills`
    return { because, isChosen: false, isListed: false }
  }
  const plugin = pluginNameOf(path)
  const off = plugin === undefined ? undefined : pluginsOff.get(plugin)
  if (off !== undefined) {
    const because = `enabledPlugins in ${off.path} switches ${plugin}@skills-dir off`
    return { because, isChosen: !off.isManaged, isListed: false }
  }
  const override = overrides.get(name)
  if (override === undefined || override.value === 'on') return undefined
  const because = `skillOverrides in ${override.path} says ${override.value}`
  return { because, isChosen: !override.isManaged, isListed: override.value === 'name-only' }
}

/** What Claude Code calls the plugin that a skill is as well; undefined for one that is none. */
function pluginNameOf(skill: string): string | undefined {
  const fields = fieldsOf(join(skill, '.claude-plugin', 'plugin.json'))
  if (fields === undefined) return undefined
  const name = fields === 'unreadable' ? undefined : fields['name']
  return typeof name === 'string' && name !== '' ? name : basename(skill)
}

/** `true` locks everything, a list what it names. */
function locks(strict: unknown, what: string): boolean {
  return strict === true || (Array.isArray(strict) && strict.includes(what))
}

function jsonIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
      .sort()
  } catch {
    // Almost nobody has drop-ins.
    return []
  }
}

function fieldsOf(path: string): Readonly<Record<string, unknown>> | 'unreadable' | undefined {
  try {
    // A pipe would keep us waiting.
    if (!statSync(path).isFile()) return 'unreadable'
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : 'unreadable'
  } catch (error) {
    return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR' ? undefined : 'unreadable'
  }
}
