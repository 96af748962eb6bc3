/** The edit that a person means by the name of a skill: what differs from the release in the tree that they edited. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import type { Entry } from '../core/manifest.ts'
import { nearMisses } from '../core/near-misses.ts'
import { isScratch } from '../core/scratch.ts'
import { entriesOf, FOLDERS } from '../core/surface.ts'
import { onDiskNow } from '../disk/fault.ts'
import { requireConfig } from '../home/config.ts'
import { findDrift } from '../home/drift.ts'
import type { Layout } from '../home/layout.ts'
import { currentDirectory, type Installed, readInstalled } from '../home/releases.ts'
import { requireSurface } from '../surfaces/definitions.ts'
import { pointerOf } from '../surfaces/pointer.ts'
import { integrityOf, sha256Hex } from '../trust/digest.ts'
import type { ProposedEdit } from './propose.ts'

export interface EditedUnitOptions {
  /** Name of the surface that shows it; without one it is what `current` names. */
  readonly surface?: string | undefined
  readonly machine: string
}

/**
 * @param wanted `quarterback`, `skills/quarterback` or `commands/plan.md`
 * @throws SkillsctlError `absent` for a name that is nowhere, and for a skill that is as in the release
 */
export async function findEditedUnit(
  layout: Layout,
  wanted: string,
  { surface, machine }: EditedUnitOptions,
): Promise<ProposedEdit> {
  const installed = await releaseOf(layout, surface)
  const directory = join(layout.releases, installed.directory)
  const { files, source } = installed.content
  const units = [...entriesOf(files, FOLDERS, () => true, sha256Hex).values()].map((entry) => entry.source)
  const drift = findDrift(layout, installed)
  const edited = [...new Set(drift.map(({ path }) => unitOf(path, units)))]
  const unit = find(wanted, edited)
  if (unit === undefined) throw notEdited(wanted, edited, [...units, ...files.map(({ path }) => path)])
  const base = { version: installed.version, commit: source.commit, entries: files.filter(isIn(unit)) }
  const known = new Set(base.entries.map(({ path }) => path))
  const paths = pathsBelow(directory, unit).filter((path) => known.has(path) || !isScratch(path))
  return { unit, directory, base, machine, entries: paths.map((path) => entryOf(directory, path)) }
}

async function releaseOf(layout: Layout, surface: string | undefined): Promise<Installed> {
  const config = await requireConfig(layout)
  const chosen = surface === undefined ? undefined : requireSurface(config, surface)
  if (chosen?.by === 'copy') {
    throw new SkillsctlError('unsupported', 'edits of copies cannot be proposed yet', {
      subject: chosen.name,
      hint: 'make the same edit in the release, and leave --surface out',
    })
  }
  const directory = chosen === undefined ? currentDirectory(layout) : pointerOf(layout, chosen.name)
  const installed = directory === undefined ? undefined : readInstalled(layout, directory)
  if (installed !== undefined) return installed
  throw new SkillsctlError('absent', 'nothing is installed here, or `current` is damaged', {
    subject: layout.current,
    hint: 'run: skillsctl pull',
  })
}

function unitOf(path: string, units: readonly string[]): string {
  const [folder, name] = path.split('/')
  const known = units.find((unit) => path === unit || path.startsWith(`${unit}/`))
  const isNew = name !== undefined && FOLDERS.some((one) => one === folder)
  return known ?? (isNew ? `${folder}/${name}` : path)
}

function find(wanted: string, units: readonly string[]): string | undefined {
  const text = wanted.replace(/\/+$/, '')
  const fits = (unit: string): boolean => unit === text || unit.endsWith(`/${text}`)
  return units.find(fits) ?? units.find((unit) => fits(unit.replace(/\.md$/, '')))
}

function notEdited(wanted: string, edited: readonly string[], all: readonly string[]): SkillsctlError {
  const name = (unit: string): string => unit.slice(unit.indexOf('/') + 1)
  const isThere = find(wanted, all) !== undefined
  const near = isThere ? [] : nearMisses(wanted, new Set([...edited, ...all].map(name)))
  return new SkillsctlError('absent', isThere ? 'nobody edited this here' : 'nothing here has this name', {
    subject: wanted,
    hint:
      near.length > 0
        ? `did you mean ${near.join(' or ')}?`
        : `edited here: ${edited.join(', ') || 'nothing'}`,
  })
}

function isIn(unit: string): (entry: Entry) => boolean {
  return ({ path }) => path === unit || path.startsWith(`${unit}/`)
}

function pathsBelow(directory: string, path: string): string[] {
  const at = join(directory, path)
  return onDiskNow(at, () => {
    const info = lstatSync(at, { throwIfNoEntry: false })
    if (info === undefined) return []
    if (!info.isDirectory()) return info.isFile() || info.isSymbolicLink() ? [path] : []
    return readdirSync(at).flatMap((name) => pathsBelow(directory, `${path}/${name}`))
  })
}

function entryOf(directory: string, path: string): Entry {
  const at = join(directory, path)
  return onDiskNow(at, (): Entry => {
    const info = lstatSync(at)
    if (info.isSymbolicLink()) return { mode: 'link', path, target: readlinkSync(at) }
    const content = readFileSync(at)
    const mode = (info.mode & 0o100) === 0 ? '644' : '755'
    return { mode, path, size: content.length, integrity: integrityOf(content) }
  })
}
