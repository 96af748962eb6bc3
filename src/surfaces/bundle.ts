/** A skill as a zip for upload: what the manifest promises, by the specification, the same bytes on every machine. */
import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Zippable, zipSync } from 'fflate'
import { SkillsctlError } from '../core/errors.ts'
import { Links, type PlainFile } from '../core/linked.ts'
import { treeSize } from '../core/manifest.ts'
import { headProblems, reservedWord } from '../core/skill-rules.ts'
import type { SurfaceEntry } from '../core/surface.ts'
import { onDisk, unlessAbsent } from '../disk/fault.ts'
import { integrityOf } from '../trust/digest.ts'
import { readSkillFile } from './skill-file.ts'
import { withSpecifiedFields } from './specified-head.ts'

export interface Bundle {
  /** Of the skill, its directory, and the top directory in the zip. */
  readonly name: string
  readonly zip: Uint8Array
  /** Fields of its head that an upload would refuse, and that are not in the bundle. */
  readonly dropped: readonly string[]
}

/** Why an upload would not take a skill. */
export interface Refusal {
  readonly problem: string
  readonly hint: string
}

/** Bytes before compression: whether the limit is meant before or after it, a bundle keeps it. */
const LARGEST = 30_000_000

/**
 * @param release directory of the release that the skill is in
 * @throws SkillsctlError `drift` when a file is not as the manifest says
 */
export async function makeBundle(release: string, skill: SurfaceEntry): Promise<Bundle | Refusal[]> {
  const name = skill.place.slice('skills/'.length)
  const { files, problems } = new Links(skill.files).withoutLinks(skill.source)
  if (problems.length > 0) {
    const hint = 'put the file itself in the place of the link'
    return problems.map(({ path, problem }) => ({ problem: `${path} ${problem}`, hint }))
  }
  const size = treeSize(files)
  if (size > LARGEST) return refusal(`holds ${size} bytes, at most ${LARGEST} are allowed`, 'take files out')
  const main = files.find(({ path }) => path === 'SKILL.md')
  if (main === undefined) return refusal('has no SKILL.md', 'add one, or export others by name')
  const head = specifiedHead(await readVerified(release, main), name)
  if (Array.isArray(head)) return head
  const contents: Zippable = {}
  for (const file of files) {
    const bytes = file.path === 'SKILL.md' ? head.bytes : await readVerified(release, file)
    contents[`${name}/${file.path}`] = [bytes, optionsOf(file)]
  }
  return { name, zip: zipSync(contents), dropped: head.dropped }
}

function specifiedHead(
  bytes: Uint8Array,
  name: string,
): { bytes: Uint8Array; dropped: readonly string[] } | Refusal[] {
  const text = decode(bytes)
  if (text === undefined) return refusal('has a SKILL.md that is not UTF-8', 'save it as UTF-8')
  if (text.startsWith('\uFEFF'))
    return refusal('has a SKILL.md that begins with a byte order mark', 'save it as UTF-8 without one')
  const file = readSkillFile(text)
  if (file.problem !== undefined) {
    return refusal(`has a SKILL.md that ${file.problem}`, 'begin it with: ---, name: …, description: …, ---')
  }
  const reserved = reservedWord(name)
  const refusals = [
    ...headProblems(file.fields, name).map(({ field, problem, hint }) => ({
      problem: `its ${field} ${problem}`,
      hint,
    })),
    ...(reserved === undefined
      ? []
      : refusal(`its name holds the reserved word ${reserved}`, 'choose another name')),
  ]
  if (refusals.length > 0) return refusals
  const head = withSpecifiedFields(text, file)
  if (head === undefined)
    return refusal('has fields that cannot be taken out of its head', 'give each field lines of its own')
  return { bytes: new TextEncoder().encode(head.text), dropped: head.dropped }
}

function refusal(problem: string, hint: string): Refusal[] {
  return [{ problem, hint }]
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

const UNIX = 3
const REGULAR_FILE = 0o100000
/** A zip holds local time without a zone: noon of this day exists in each of them. */
const FIRST_DAY = new Date(1980, 0, 1, 12)

/** Nothing that depends on the machine, and memory by hand: fflate takes it from a logarithm otherwise. */
function optionsOf({ mode }: PlainFile) {
  const permissions = mode === '755' ? 0o755 : 0o644
  return {
    level: 9,
    mem: 6,
    mtime: FIRST_DAY,
    os: UNIX,
    attrs: ((REGULAR_FILE | permissions) << 16) >>> 0,
  } as const
}

/** Whether a file is what we have made of a skill of this name once, as its first entry tells. */
export function isBundleOf(name: string, bytes: Buffer): boolean {
  if (bytes.length < FIRST_NAME || bytes.readUInt32LE(0) !== LOCAL_HEADER) return false
  const entry = bytes.toString('utf8', FIRST_NAME, FIRST_NAME + bytes.readUInt16LE(FIRST_NAME - 4))
  return bytes.readUInt16LE(12) === FIRST_DATE && entry.startsWith(`${name}/`)
}

/** APPNOTE.TXT 4.3.7: the signature of an entry, its date, and where its name begins. */
const LOCAL_HEADER = 0x04034b50
const FIRST_DATE = (1 << 5) | 1
const FIRST_NAME = 30

async function readVerified(release: string, { from, size, integrity }: PlainFile): Promise<Uint8Array> {
  const place = join(release, from)
  const info = await onDisk(place, () => unlessAbsent(lstat(place), undefined))
  // Anything but a file of this size is not read at all: reading a pipe would never end.
  if (info?.isFile() && info.size === size) {
    const bytes = await onDisk(place, () => readFile(place))
    if (integrityOf(bytes) === integrity) return bytes
  }
  throw new SkillsctlError('drift', 'this file is not what the release says', {
    subject: from,
    hint: 'run skillsctl verify --repair: it sets edits aside and restores the release',
  })
}
