/**
 * `skillsctl surface hook`: the entry in an agent's settings that has it tell us when a session begins and ends
 * (SPEC.md, "Hook").
 */
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import { findPreset, type HookSettings, type Surface } from '../core/surface.ts'
import { onDiskNow } from '../disk/fault.ts'
import { withLock } from '../disk/lock.ts'
import { readNow, replaceFile } from '../disk/replace-file.ts'
import { requireConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import { requireSurface } from '../surfaces/definitions.ts'
import { type HookProgram, hookCommand } from '../surfaces/hook-command.ts'
import { forgetUndo, readUndo, undone, writeUndo } from '../surfaces/hook-undo.ts'
import { type HookEntry, hooksOf, withHooks, withoutHooks } from '../surfaces/settings-text.ts'
import type { MachineContext } from './machine.ts'

type HookContext = Pick<MachineContext, 'layout'>

export interface HookReport {
  readonly surface: string
  /** The settings of the agent. */
  readonly path: string
  /** `other`: there is one of ours, but not as it would be installed now. */
  readonly hook: 'installed' | 'other' | 'none'
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
  const bytes = readNow(place.path)
  const hook =
    bytes === undefined ? 'none' : standing(place, textOf(bytes, place.path), entryFor(place, program))
  return { surface: name, path: place.path, hook, changed: false }
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
    if (text !== undefined && standing(place, text, entry) === 'installed') return text
    const before = await withoutOurs(place, text)
    const after = withHooks(before ?? NO_SETTINGS, place.settings.events, entry, place.path)
    await writeUndo(context.layout, name, before, after)
    return after
  })
  return { surface: name, path: place.path, hook: 'installed', changed }
}

/** Takes our entries away. Settings that nobody else has touched meanwhile are what they were before. */
export async function removeHook(context: HookContext, name: string): Promise<HookReport> {
  const place = placeOf(context, await surfaceNamed(context, name))
  const changed = await edit(place, (text) => withoutOurs(place, text))
  await forgetUndo(context.layout, name)
  return { surface: name, path: place.path, hook: 'none', changed }
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

function standing(
  { surface, settings, path }: Place,
  text: string,
  { command, timeout }: HookEntry,
): HookReport['hook'] {
  const found = hooksOf(text, surface, path)
  if (found.size === 0) return 'none'
  const isRight = settings.events.every((event) => {
    const [first, ...others] = found.get(event) ?? []
    return others.length === 0 && first?.command === command && first.timeout === timeout
  })
  return isRight && found.size === settings.events.length ? 'installed' : 'other'
}

/** @returns undefined when there would be no settings without us */
async function withoutOurs(
  { layout, surface, path }: Place,
  text: string | undefined,
): Promise<string | undefined> {
  if (text === undefined) return undefined
  const undo = await readUndo(layout, surface)
  // A link is the person's, so that what it leads to stays.
  const isLink = onDiskNow(path, () => lstatSync(path).isSymbolicLink())
  if (undo?.fits(text) === true && !(undo.made && isLink)) return undone(undo, text)
  return withoutHooks(text, surface, path)
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

/** @throws SkillsctlError `corrupt` for bytes that would not survive being read as text */
function textOf(bytes: Buffer, path: string): string {
  const text = bytes.toString('utf8')
  if (Buffer.from(text).equals(bytes)) return text
  throw new SkillsctlError('corrupt', 'these settings are not UTF-8; they were left as they are', {
    subject: path,
  })
}
