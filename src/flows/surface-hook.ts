/**
 * `skillsctl surface hook`: the entry in an agent's settings that has it tell us when a session begins and ends
 * (SPEC.md, "Hook").
 */
import { existsSync, lstatSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import { findPreset, type HookSettings, type Surface } from '../core/surface.ts'
import { onDiskNow } from '../disk/fault.ts'
import { withLock } from '../disk/lock.ts'
import { readNow, replaceFile } from '../disk/replace-file.ts'
import { requireConfig } from '../home/config.ts'
import { defaultHome } from '../home/default-home.ts'
import { type Layout, layoutOf } from '../home/layout.ts'
import { requireSurface } from '../surfaces/definitions.ts'
import { type HookProgram, homeIn, hookCommand, isHookCommand } from '../surfaces/hook-command.ts'
import { forgetUndo, readUndo, undone, writeUndo } from '../surfaces/hook-undo.ts'
import { type HookEntry, hooksOf, withHooks, withoutHooks } from '../surfaces/settings-text.ts'
import type { MachineContext } from './machine.ts'

type HookContext = Pick<MachineContext, 'layout'>

export interface HookReport {
  readonly surface: string
  /** The settings of the agent. */
  readonly path: string
  /**
   * `other`: there is one of ours, but not as it would be installed now. `foreign`: none of ours, but one of another
   * home of this person.
   */
  readonly hook: 'installed' | 'other' | 'foreign' | 'none'
  /** Homes whose hooks are there as well; they are left alone. */
  readonly otherHomes: readonly string[]
  /** Whether the settings were changed. */
  readonly changed: boolean
}

interface Place {
  readonly layout: Layout
  readonly surface: string
  readonly path: string
  readonly settings: HookSettings
}

/** Seconds. The hook itself gives up earlier. */
const TIMEOUT = 5
/** Somebody who writes the same file again and again. */
const MOST_ATTEMPTS = 5
const NO_SETTINGS = '{}\n'

/** Whether the agent calls us. @throws SkillsctlError `unsupported` for an agent without hooks */
export async function findHook(
  context: HookContext,
  name: string,
  program: HookProgram,
): Promise<HookReport> {
  const place = placeOf(context, await surfaceNamed(context, name))
  const text = settingsAt(place.path)
  const hook = text === undefined ? 'none' : stateOf(place, text, entryFor(place, program))
  return report(place, hook, false)
}

/** Has the agent call us. What was there of ours is replaced, anything else stays as it is. */
export async function installHook(
  context: HookContext,
  name: string,
  program: HookProgram,
): Promise<HookReport> {
  const place = placeOf(context, await surfaceNamed(context, name))
  const entry = entryFor(place, program)
  const changed = await edit(place, async (text) => {
    if (text !== undefined && stateOf(place, text, entry) === 'installed') return text
    const before = await withoutOurs(place, text)
    const after = withHooks(before ?? NO_SETTINGS, place.settings.events, entry, place.path)
    await writeUndo(context.layout, name, before, after)
    return after
  })
  return report(place, 'installed', changed)
}

/** Takes our entries away. Settings that nobody else has touched meanwhile are what they were before. */
export async function removeHook(context: HookContext, name: string): Promise<HookReport> {
  const place = placeOf(context, await surfaceNamed(context, name))
  const changed = await edit(place, (text) => withoutOurs(place, text))
  await forgetUndo(context.layout, name)
  return report(place, 'none', changed)
}

function report(place: Place, hook: HookReport['hook'], changed: boolean): HookReport {
  const { surface, path } = place
  const otherHomes = homesBeside(place, settingsAt(path) ?? NO_SETTINGS)
  return {
    surface,
    path,
    hook: hook === 'none' && otherHomes.length > 0 ? 'foreign' : hook,
    otherHomes,
    changed,
  }
}

async function surfaceNamed({ layout }: HookContext, name: string): Promise<Surface> {
  return requireSurface(await requireConfig(layout), name)
}

/** @throws SkillsctlError `unsupported` */
function placeOf({ layout }: HookContext, { name, preset, root }: Surface): Place {
  const settings = findPreset(preset)?.hook
  if (settings !== undefined && root !== undefined)
    return { layout, surface: name, path: join(root, settings.file), settings }
  throw new SkillsctlError('unsupported', 'skillsctl knows no hooks of this agent', {
    subject: name,
    found: findPreset(preset)?.agents ?? preset,
    hint: 'its surface moves at every pull (--switch now), or call skillsctl session begin and end yourself',
  })
}

function entryFor({ surface }: Place, program: HookProgram): HookEntry {
  return { command: hookCommand(program, surface), timeout: TIMEOUT }
}

/** What an agent of a person calls may be of another home of the same person, and then it is not ours to change. */
function isOurs({ layout, surface }: Place, command: string): boolean {
  return isHookCommand(command, surface) && homeBeside(layout, command) === undefined
}

/** The home of somebody else's hook; one that has gone misses nothing. */
function homeBeside({ root }: Layout, command: string): string | undefined {
  const home = homeIn(command) ?? defaultHome({})
  if (home === resolve(root) || !existsSync(layoutOf(home).config)) return undefined
  return realpathSync(home) === realpathSync(root) ? undefined : home
}

function homesBeside({ layout, surface, path }: Place, text: string): string[] {
  const hooks = hooksOf(text, (command) => isHookCommand(command, surface), path)
  const homes = [...hooks.values()].flat().flatMap(({ command }) => homeBeside(layout, command) ?? [])
  return [...new Set(homes)]
}

function stateOf(place: Place, text: string, { command, timeout }: HookEntry): HookReport['hook'] {
  const { settings, path } = place
  const found = hooksOf(text, (command) => isOurs(place, command), path)
  if (found.size === 0) return 'none'
  const isRight = settings.events.every((event) => {
    const [first, ...others] = found.get(event) ?? []
    return others.length === 0 && first?.command === command && first.timeout === timeout
  })
  return isRight && found.size === settings.events.length ? 'installed' : 'other'
}

/** @returns undefined when there would be no settings without us */
async function withoutOurs(place: Place, text: string | undefined): Promise<string | undefined> {
  if (text === undefined) return undefined
  const { layout, surface, path } = place
  const ours = (command: string): boolean => isOurs(place, command)
  // A copy of a home knows how to undo what the other one has installed.
  if (hooksOf(text, ours, path).size === 0) return text
  const undo = await readUndo(layout, surface)
  // A link is the person's, so that what it leads to stays.
  const isLink = onDiskNow(path, () => lstatSync(path).isSymbolicLink())
  if (undo?.fits(text) === true && !(undo.made && isLink)) return undone(undo, text)
  return withoutHooks(text, ours, path)
}

/** @returns whether anything was to change */
async function edit(
  { layout, path }: Place,
  change: (text: string | undefined) => Promise<string | undefined>,
): Promise<boolean> {
  return withLock(layout.lock, async () => {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const before = readNow(path)
      const text = before && textOf(before, path)
      const after = await change(text)
      if (after === text) return false
      if (await replaceFile(path, before, after)) return true
    }
    throw new SkillsctlError('raced', 'somebody else keeps changing these settings', {
      subject: path,
      hint: 'end the agent, and run the command again',
    })
  })
}

function settingsAt(path: string): string | undefined {
  const bytes = readNow(path)
  return bytes && textOf(bytes, path)
}

/** @throws SkillsctlError `corrupt` for bytes that would not survive being read as text */
function textOf(bytes: Buffer, path: string): string {
  const text = bytes.toString('utf8')
  if (Buffer.from(text).equals(bytes)) return text
  throw new SkillsctlError('corrupt', 'these settings are not UTF-8; they were left as they are', {
    subject: path,
  })
}
