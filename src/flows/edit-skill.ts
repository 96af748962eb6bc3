/**
 * `skillsctl edit` and `edits save`: editing on purpose. The person works on a copy in `editing/<skill>/`, which no
 * agent reads, and makes it active when it is ready.
 */
import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { parsePolicies } from '../core/edit-policy.ts'
import { type EditedRelease, type Edits, type Overlay, parseEditedRelease } from '../core/edits.ts'
import { SkillsctlError } from '../core/errors.ts'
import { type Entry, type FileEntry, parseEntry } from '../core/manifest.ts'
import { list, object, optional, parseJson, string } from '../core/parse.ts'
import { unitsIn } from '../core/unit.ts'
import { isNamed, requireUnit } from '../core/unit-names.ts'
import { makeDirectory, syncDirectory, temporaryName, writeAndSync } from '../disk/atomic-file.ts'
import { onDisk, onDiskNow } from '../disk/fault.ts'
import { withLock } from '../disk/lock.ts'
import { removeTree } from '../disk/remove-tree.ts'
import { readContent } from '../edits/content.ts'
import { releaseOf } from '../edits/edited-release.ts'
import { followRelease } from '../edits/follow-release.ts'
import { type Outcome, Overlays } from '../edits/overlays.ts'
import { pristine } from '../edits/pristine.ts'
import { readEdits, writeEdits } from '../edits/record.ts'
import { entriesAt, inUnit, type Source, sourceIn } from '../edits/source.ts'
import { takeEdit } from '../edits/take-edit.ts'
import { overlaysFor } from '../edits/view-name.ts'
import { editingHere, WORKCOPY_RECORD } from '../edits/workcopy-names.ts'
import { writeSource } from '../edits/write-source.ts'
import type { MachineConfig } from '../home/config.ts'
import { createHome, type Layout } from '../home/layout.ts'
import { currentRelease, type Installed } from '../home/releases.ts'
import { requireSurface, surfacesOf } from '../surfaces/definitions.ts'
import type { Settled } from '../surfaces/settle.ts'
import { sha256Hex } from '../trust/digest.ts'
import type { Chosen } from './edits.ts'
import { givenUnit, insistOnUnit } from './given-unit.ts'
import { type MachineContext, openMachine } from './machine.ts'
import { settle } from './settle.ts'

const NOTHING = { message: 'the release has nothing of this name', see: 'skillsctl doctor --all' }

/** A copy that a person works on. */
export interface Workcopy {
  readonly unit: string
  readonly surface: string | undefined
  /** Absolute: the skill's directory, or the one file. */
  readonly path: string
  /** Whether it was there already, with whatever was done in it. */
  readonly isKnown: boolean
}

/** What is written beside the copy. */
interface Beginning {
  readonly unit: string
  readonly surface?: string | undefined
  readonly base: EditedRelease
  readonly before: readonly Entry[]
}

const FILES = 'files'
/** What they were: an overlay may be no more when they are saved. */
const BEFORE = 'before'

/** Makes a writable copy of a skill as it is active. @throws SkillsctlError `absent`, `refused` without surfaces */
export async function beginEdit(context: MachineContext, { skill, surface }: Chosen): Promise<Workcopy> {
  const { layout, config } = await openMachine(context)
  const release = insistOnShown(config, layout, surface)
  await createHome(layout)
  return withLock(layout.lock, async () => {
    const { unit, overlay } = findUnit(release, await readEdits(layout), skill, surface)
    const directory = join(layout.editing, slugOf(unit, surface))
    if (existsSync(directory)) return { unit, surface, path: join(directory, FILES, unit), isKnown: true }
    const source =
      overlay === undefined ? unitIn(layout, release, unit) : readContent(layout, overlay.content).mine
    await write(
      layout,
      directory,
      { unit, surface, base: overlay?.base ?? releaseOf(release), before: source.entries },
      source,
    )
    return { unit, surface, path: join(directory, FILES, unit), isKnown: false }
  })
}

/** @throws SkillsctlError `absent`, `refused` where no agent would see what is edited */
function insistOnShown(config: MachineConfig, layout: Layout, surface: string | undefined): Installed {
  const chosen = surface === undefined ? surfacesOf(config) : [requireSurface(config, surface)]
  if (chosen.every(({ root }) => root === undefined)) throw noSurface()
  const release = currentRelease(layout)
  if (release !== undefined) return release
  throw new SkillsctlError('absent', 'nothing is installed here yet', { hint: 'run: skillsctl pull' })
}

/** What a person means, and what a surface shows in its place. */
function findUnit(
  release: Installed,
  { overlays }: Edits,
  skill: string,
  surface: string | undefined,
): { unit: string; overlay: Overlay | undefined } {
  const shown = overlaysFor(overlays, surface ?? '')
  const { files } = release.content
  const units = [
    ...new Set([...files.map(({ path }) => path).map(unitsIn(files)), ...shown.map((one) => one.unit)]),
  ]
  const unit = requireUnit(units, skill, NOTHING)
  return { unit, overlay: shown.find((one) => one.unit === unit) }
}

function unitIn(layout: Layout, { directory, content }: Installed, unit: string): Source {
  return pristine(layout, inUnit(content.files, unit), [join(layout.releases, directory)])
}

async function write(layout: Layout, directory: string, beginning: Beginning, source: Source): Promise<void> {
  await onDisk(directory, async () => {
    await makeDirectory(layout.editing)
    const temporary = join(layout.staging, temporaryName('editing'))
    await mkdir(temporary)
    for (const place of [FILES, BEFORE]) await writeSource(join(temporary, place), source, lost)
    await writeAndSync(join(temporary, WORKCOPY_RECORD), `${JSON.stringify(beginning, null, 1)}\n`)
    await chmod(temporary, 0o755)
    await rename(temporary, directory)
    await syncDirectory(layout.editing)
  })
}

function lost({ path }: FileEntry): never {
  throw new SkillsctlError('drift', 'this file was edited on disk, and its original is not here', {
    subject: path,
    hint: 'run: skillsctl pull, which takes that edit over',
  })
}

export interface SavedEdit extends Workcopy {
  readonly outcomes: readonly Outcome[]
}

export interface SaveReport {
  readonly saved: readonly SavedEdit[]
  readonly settled: readonly Settled[]
}

/**
 * Makes copies active that a person has worked on.
 * @param skill undefined for all of them
 * @throws SkillsctlError `absent` when nothing is being edited
 */
export async function saveEdits(context: MachineContext, chosen: Partial<Chosen> = {}): Promise<SaveReport> {
  const { layout, config, now } = await openMachine(context)
  await createHome(layout)
  return withLock(layout.lock, async () => {
    const open = workcopies(layout).filter(
      ({ unit, surface }) =>
        (chosen.skill === undefined || isNamed(unit, chosen.skill)) &&
        (chosen.surface === undefined || surface === chosen.surface),
    )
    if (open.length === 0) throw nothingOpen(layout, chosen.skill)
    await settle(layout, config, surfacesOf(config), 'pull', now())
    const saved: SavedEdit[] = []
    for (const { directory, unit, surface, path, base, before } of open) {
      const edits = await readEdits(layout)
      const overlays = new Overlays(layout, edits, parsePolicies(config.raw), now())
      const files = join(directory, FILES)
      const after = sourceIn(files, entriesAt(join(files, unit), unit, before))
      insistOnUnit(after, unit, before)
      await takeEdit(overlays, {
        unit,
        surface,
        base,
        before: pristine(layout, before, [join(directory, BEFORE)]),
        after,
      })
      const current = currentRelease(layout)
      if (current !== undefined) await followRelease(overlays, current)
      await writeEdits(layout, { ...edits, overlays: overlays.all() })
      await removeTree(directory)
      saved.push({ unit, surface, path, isKnown: true, outcomes: overlays.outcomes })
    }
    const { settled } = await settle(layout, config, surfacesOf(config), 'asked', now())
    return { saved, settled }
  })
}

/**
 * Makes what lies in a directory the person's version of a skill, as if they had edited it.
 * @throws SkillsctlError `absent`, `refused`
 */
export async function saveFrom(
  context: MachineContext,
  { skill, surface }: Chosen,
  directory: string,
): Promise<SaveReport> {
  const { layout, config, now } = await openMachine(context)
  const release = insistOnShown(config, layout, surface)
  await createHome(layout)
  return withLock(layout.lock, async () => {
    await settle(layout, config, surfacesOf(config), 'pull', now())
    const edits = await readEdits(layout)
    const { unit, overlay } = findUnit(release, edits, skill, surface)
    const before =
      overlay === undefined ? unitIn(layout, release, unit) : readContent(layout, overlay.content).mine
    const after = givenUnit(directory, unit, before.entries)
    const overlays = new Overlays(layout, edits, parsePolicies(config.raw), now())
    await takeEdit(overlays, { unit, surface, base: overlay?.base ?? releaseOf(release), before, after })
    await followRelease(overlays, release)
    await writeEdits(layout, { ...edits, overlays: overlays.all() })
    const { settled } = await settle(layout, config, surfacesOf(config), 'asked', now())
    return {
      saved: [{ unit, surface, path: directory, isKnown: true, outcomes: overlays.outcomes }],
      settled,
    }
  })
}

interface Open extends Beginning {
  readonly directory: string
  /** Of what is edited. */
  readonly path: string
}

/** What is being edited. */
export function workcopies(layout: Layout): Open[] {
  return editingHere(layout).map((name) => {
    const directory = join(layout.editing, name)
    const path = join(directory, WORKCOPY_RECORD)
    const text = onDiskNow(path, () => readFileSync(path, 'utf8'))
    const fields = object(parseJson(text, path), path)
    const unit = string(fields['unit'], path)
    return {
      directory,
      unit,
      path: join(directory, FILES, unit),
      surface: optional(fields['surface'], path, string),
      base: parseEditedRelease(fields['base'], path),
      before: list(fields['before'], path).map(parseEntry),
    }
  })
}

/** One name for each unit and surface. */
function slugOf(unit: string, surface: string | undefined): string {
  const name = unit.replaceAll(/[^A-Za-z0-9._-]/g, '-')
  const isPlain = unit.slice(unit.indexOf('/') + 1) === name.slice(unit.indexOf('/') + 1)
  const exact = isPlain ? name : `${name}-${sha256Hex(unit).slice(0, 8)}`
  return surface === undefined ? exact : `${exact}@${surface}`
}

function noSurface(): SkillsctlError {
  return new SkillsctlError('refused', 'no agent sees this release, so an edit could not be shown to any', {
    hint: 'add a surface first, as in: skillsctl surface add claude-code',
  })
}

function nothingOpen(layout: Layout, skill: string | undefined): SkillsctlError {
  const found = editingHere(layout).join(', ')
  return new SkillsctlError('absent', 'nothing of this kind is being edited', {
    subject: skill ?? layout.editing,
    found: found || 'nothing',
    hint: 'begin with: skillsctl edit <skill>',
  })
}
