/** How an edit goes home (SPEC.md, "Proposals"): what one commit changes, what it is called, and its branch. */
import { type Entry, type HashText, treeLines } from './manifest.ts'
import { byPath } from './paths.ts'

/** One file of the commit; `entry` is what it becomes. */
export type FileEdit =
  | { readonly path: string; readonly kind: 'added' | 'modified' | 'mode'; readonly entry: Entry }
  | { readonly path: string; readonly kind: 'deleted' }

/** What a person changed in a unit, in byte order of path. */
export function fileEdits(base: readonly Entry[], entries: readonly Entry[]): FileEdit[] {
  const before = new Map(base.map((entry) => [entry.path, entry]))
  const after = new Set(entries.map(({ path }) => path))
  const changed = entries.flatMap((entry): FileEdit[] => {
    const kind = editOf(before.get(entry.path), entry)
    return kind === undefined ? [] : [{ path: entry.path, kind, entry }]
  })
  const gone = base.filter(({ path }) => !after.has(path))
  return [...changed, ...gone.map(({ path }): FileEdit => ({ path, kind: 'deleted' }))].sort(byPath)
}

function editOf(before: Entry | undefined, after: Entry): 'added' | 'modified' | 'mode' | undefined {
  if (before === undefined) return 'added'
  if (before.mode === 'link' || after.mode === 'link') {
    const isSame = before.mode === 'link' && after.mode === 'link' && before.target === after.target
    return isSame ? undefined : 'modified'
  }
  if (before.integrity !== after.integrity) return 'modified'
  return before.mode === after.mode ? undefined : 'mode'
}

/** Characters of a subject line that every tool shows whole. */
const LONGEST_SUBJECT = 72

export interface Occasion {
  /** Short name of the machine that the edit was made on. */
  readonly machine: string
  /** The release that it was made of. */
  readonly version: string
  /** Path in the release. */
  readonly unit: string
  readonly why: string | undefined
}

/** The reason is the subject where it fits; machine, release and skill are trailers, for people and for tools. */
export function commitMessage({ machine, version, unit, why = '' }: Occasion): string {
  const [skill, host] = [oneLine(unit), oneLine(machine) || 'a machine']
  const name = skill.replace(/^skills\//, '')
  const [first = '', ...rest] = cleanLines(why)
  const fits = first !== '' && `${name}: ${first}`.length <= LONGEST_SUBJECT
  const subject = fits ? `${name}: ${first}` : `${name}: edited on ${host}`
  const body = (fits ? rest : [first, ...rest]).join('\n').trim()
  const trailers = [
    `Skillsctl-Machine: ${host}`,
    `Skillsctl-Release: ${oneLine(version)}`,
    `Skillsctl-Skill: ${skill}`,
  ]
  return `${[subject, ...(body === '' ? [] : [body]), trailers.join('\n')].join('\n\n')}\n`
}

/** Control characters, those that make a reader see another order than there is, and letters that no screen shows. */
const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e0fff}]+/gu

function oneLine(text: string): string {
  return text.replace(HIDDEN, ' ').trim()
}

function cleanLines(text: string): string[] {
  return text
    .trim()
    .split(/\r\n|\r|\n/)
    .map(oneLine)
}

/** Characters; a directory of git's own may hold a branch, and its name has to fit there. */
const LONGEST_NAME = 60

/**
 * The same edit has the same branch, on every machine and whatever releases came in between; another edit has another.
 * Valid for `git check-ref-format` whatever the unit is called.
 */
export function branchName(
  unit: string,
  base: readonly Entry[],
  entries: readonly Entry[],
  hash: HashText,
): string {
  const [before, after] = [base, entries].map((list) => treeLines([...list].sort(byPath)))
  const digest = hash(`${unit}\n${before}\n${after}`).slice(0, 8)
  const name = unit
    .replace(/^skills\//, '')
    .normalize('NFC')
    .replace(/[^\p{L}\p{M}\p{N}_.]+/gu, '-')
    .replace(/\.{2,}/g, '.')
    .replace(/^[-.]+/, '')
  const short = [...name]
    .slice(0, LONGEST_NAME)
    .join('')
    .replace(/[-.]+$/, '')
  return `skillsctl/${short === '' ? 'edit' : short}-${digest}`
}
