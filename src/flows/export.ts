/** `skillsctl export`: bundles of the current release, for places that no file reaches. */
import { realpath } from 'node:fs/promises'
import { join, resolve, sep } from 'node:path'
import { SkillsctlError } from '../core/errors.ts'
import { nearMisses } from '../core/near-misses.ts'
import { formatInstant } from '../core/parse.ts'
import type { SurfaceEntry } from '../core/surface.ts'
import { makeDirectory, readIfThere, writeFileAtomic } from '../disk/atomic-file.ts'
import { onDisk, unlessAbsent } from '../disk/fault.ts'
import { withLock } from '../disk/lock.ts'
import { requireConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import { currentRelease, type Installed } from '../home/releases.ts'
import { type Bundle, isBundleOf, makeBundle, type Refusal } from '../surfaces/bundle.ts'
import { surfacesOf } from '../surfaces/definitions.ts'
import { readLedger, writeLedger } from '../surfaces/ledger.ts'
import { skillsOf } from '../surfaces/skills.ts'
import { createSurfaceDirectories } from '../surfaces/surface-directories.ts'
import { sha256Hex } from '../trust/digest.ts'
import type { MachineContext } from './machine.ts'

export interface ExportOptions {
  /** As `quarterback` or `skills/quarterback`; `all` that have a SKILL.md. */
  readonly skills: readonly string[] | 'all'
  /** Absolute. */
  readonly output: string
}

export interface ExportedSkill {
  readonly skill: string
  readonly file: string
  readonly outcome: 'written' | 'unchanged'
  /** Bytes. */
  readonly size: number
  readonly sha256: string
  /** Fields of its head that an upload would refuse, and that are not in the bundle. */
  readonly dropped: readonly string[]
}

export interface ExportReport {
  readonly version: string
  readonly exported: readonly ExportedSkill[]
  /** Surfaces in whose ledger this was noted. */
  readonly notedFor: readonly string[]
}

/**
 * Every bundle is made, and has its place, before the first is written.
 * @throws SkillsctlError `absent` for a skill that is not there, `drift`, `refused` when an upload would refuse one, or something
 *   else is in its place
 */
export async function exportSkills(
  context: MachineContext,
  { skills, output }: ExportOptions,
): Promise<ExportReport> {
  const { layout } = context
  await requireConfig(layout)
  await insistOnOutside(layout, output)
  const installed = requireCurrent(layout)
  const chosen = chooseSkills(skillsOf(installed), skills)
  const bundles = await bundle(join(layout.releases, installed.directory), chosen)
  await onDisk(output, () => makeDirectory(output))
  const before = new Map<Bundle, Buffer | undefined>()
  for (const made of bundles) before.set(made, await replaceable(output, made.name))
  const exported: ExportedSkill[] = []
  for (const [made, there] of before) exported.push(await write(output, made, there))
  const notedFor = await note(context, installed, chosen)
  return { version: installed.version, exported, notedFor }
}

/** A home is not a place for files of others; run in a release, it would be an edit. */
async function insistOnOutside({ root }: Layout, output: string): Promise<void> {
  const [home, place] = await Promise.all([realPlace(root), realPlace(output)])
  if (place !== home && !place.startsWith(`${home}${sep}`)) return
  throw new SkillsctlError('usage', 'bundles cannot be put into the home of skillsctl', {
    subject: output,
    hint: 'name another directory: --output <directory>',
  })
}

/** Where a path leads, as far as it is there. */
async function realPlace(path: string): Promise<string> {
  const real = await onDisk(path, () => unlessAbsent(realpath(path), undefined))
  if (real !== undefined) return real
  const parent = resolve(path, '..')
  return parent === path ? path : join(await realPlace(parent), path.slice(parent.length))
}

function requireCurrent(layout: Layout): Installed {
  const installed = currentRelease(layout)
  if (installed !== undefined) return installed
  throw new SkillsctlError('absent', 'nothing is installed here, or `current` is damaged', {
    subject: layout.current,
    hint: 'run: skillsctl pull',
  })
}

function chooseSkills(
  known: ReadonlyMap<string, SurfaceEntry>,
  wanted: ExportOptions['skills'],
): ReadonlyMap<string, SurfaceEntry> {
  if (wanted === 'all') {
    // Skills share folders that are none themselves.
    const isSkill = ({ files, source }: SurfaceEntry): boolean =>
      files.some(({ path }) => path === `${source}/SKILL.md`)
    const all = [...known].filter(([, entry]) => isSkill(entry))
    if (all.length > 0) return new Map(all)
    throw new SkillsctlError('absent', 'the current release holds no skills', {
      hint: 'run: skillsctl status',
    })
  }
  const names = wanted.map((name) => name.replace(/^skills\//, '').replace(/\/$/, ''))
  return new Map([...new Set(names)].map((name) => [name, known.get(name) ?? missing(name, known)]))
}

function missing(name: string, known: ReadonlyMap<string, SurfaceEntry>): never {
  const near = nearMisses(name, known.keys())
  throw new SkillsctlError('absent', 'the current release has no such skill', {
    subject: name,
    hint:
      near.length > 0
        ? `did you mean ${near.join(' or ')}?`
        : `it has: ${[...known.keys()].join(', ') || 'none'}`,
  })
}

async function bundle(release: string, chosen: ReadonlyMap<string, SurfaceEntry>): Promise<Bundle[]> {
  const bundles: Bundle[] = []
  const refused: (Refusal & { readonly skill: string })[] = []
  for (const [skill, entry] of chosen) {
    const made = await makeBundle(release, entry)
    if (Array.isArray(made)) refused.push(...made.map((refusal) => ({ ...refusal, skill })))
    else bundles.push(made)
  }
  const [first] = refused
  if (first === undefined) return bundles
  const names = [...new Set(refused.map(({ skill }) => skill))]
  const isOne = names.length === 1
  throw new SkillsctlError('refused', `an upload would refuse ${isOne ? 'this skill' : 'these skills'}`, {
    subject: names.join(', '),
    found: refused.map(({ skill, problem }) => (isOne ? problem : `${skill}: ${problem}`)).join('; '),
    hint: isOne && refused.length === 1 ? first.hint : 'mend this in the source repository and publish it',
  })
}

const fileOf = (output: string, name: string): string => join(output, `${name}.zip`)

/** What a bundle would replace. @throws SkillsctlError `refused` for what is no bundle, and somebody's own */
async function replaceable(output: string, name: string): Promise<Buffer | undefined> {
  const subject = fileOf(output, name)
  const there = await readIfThere(subject)
  if (there === undefined || isBundleOf(name, there)) return there
  throw new SkillsctlError('refused', 'a file of this name is there that is no bundle of this skill', {
    subject,
    hint: 'move it away, or name another directory with --output',
  })
}

async function write(
  output: string,
  { name, zip, dropped }: Bundle,
  there: Buffer | undefined,
): Promise<ExportedSkill> {
  const file = fileOf(output, name)
  const isSame = there?.equals(zip) ?? false
  if (!isSame) await writeFileAtomic(file, zip)
  const outcome = isSame ? 'unchanged' : 'written'
  return { skill: name, file, outcome, size: zip.length, sha256: sha256Hex(zip), dropped }
}

/** So that `surface list` can tell what was last made for a place whose content nobody here can see. */
async function note(
  { layout, now }: MachineContext,
  { version }: Installed,
  chosen: ReadonlyMap<string, SurfaceEntry>,
): Promise<string[]> {
  const unreached = async (): Promise<string[]> =>
    surfacesOf(await requireConfig(layout)).flatMap(({ name, root }) => (root === undefined ? [name] : []))
  if ((await unreached()).length === 0) return []
  const digests = [...chosen].map(([name, { digest }]): [string, string] => [name, digest])
  return withLock(layout.lock, async () => {
    createSurfaceDirectories(layout)
    const surfaces = await unreached()
    for (const surface of surfaces) {
      const ledger = await readLedger(layout, surface)
      const skills = new Map([...(ledger.exported?.skills ?? []), ...digests])
      const exported = { release: version, at: formatInstant(now()), skills }
      writeLedger(layout, surface, { ...ledger, exported })
    }
    return surfaces
  })
}
