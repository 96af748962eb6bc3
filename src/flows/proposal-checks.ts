/** Whether an edit may become a commit in this checkout: that it is the source, as the release was, and at rest. */
import type { Checkout } from '../archive/checkout.ts'
import type { TreeEntry } from '../archive/git.ts'
import { remotesOf } from '../archive/remote.ts'
import { isError, SkillsctlError } from '../core/errors.ts'
import type { Entry } from '../core/manifest.ts'
import { checkNames } from '../core/paths.ts'
import type { FileEdit } from '../core/proposal.ts'
import { shellLine } from '../core/shell.ts'
import { integrityOf } from '../trust/digest.ts'
import type { ProposedEdit } from './propose.ts'

export function inUnit(entries: readonly Entry[], unit: string): Entry[] {
  return entries.filter(({ path }) => path === unit || path.startsWith(`${unit}/`))
}

export async function insistOnRelease(checkout: Checkout, { base }: ProposedEdit): Promise<void> {
  if (await checkout.knows(base.commit)) return
  const extent = await checkout.extent()
  const { followed: remote } = remotesOf(checkout, await checkout.settings())
  const deepen = extent === 'shallow' ? ['--unshallow'] : []
  throw new SkillsctlError(
    'refused',
    extent === 'shallow'
      ? 'this shallow clone does not go back to the commit of the release'
      : 'this checkout does not have the commit of the release',
    {
      subject: checkout.directory,
      expected: `${base.commit}, of release ${base.version}`,
      hint:
        remote === undefined
          ? 'is it the source of these skills? name the checkout that the releases are published from: --repo <checkout>'
          : `run: ${shellLine('git', '-C', checkout.directory, 'fetch', ...deepen, remote)}; if that does not bring it, this is not the source of these skills`,
    },
  )
}

/**
 * Otherwise the commit would undo what it does not know of, or change files that nobody has edited.
 * @returns what the source has of the unit: the release may leave files out
 */
export async function insistOnBase(
  checkout: Checkout,
  edit: ProposedEdit,
  base: readonly Entry[],
): Promise<readonly TreeEntry[]> {
  const { commit, version } = edit.base
  const there = await checkout.git.tree(commit, edit.unit)
  const objects = new Map(there.map((entry) => [entry.path, entry]))
  const wanted = base.flatMap((entry) => {
    const found = objects.get(entry.path)
    return found !== undefined && KINDS[found.kind] === entry.mode ? [{ entry, object: found.object }] : []
  })
  let differs = base.find(({ path }) => wanted.every(({ entry }) => entry.path !== path))?.path
  let index = 0
  for await (const content of checkout.git.blobs(wanted.map(({ object }) => object))) {
    const entry = wanted[index++]?.entry
    if (entry !== undefined && !isContentOf(content, entry)) differs ??= entry.path
  }
  if (differs === undefined) return there
  throw new SkillsctlError('refused', 'the commit of the release holds something else than the release', {
    subject: differs,
    expected: `as in release ${version}`,
    found: `commit ${commit}`,
    hint: version.includes('+')
      ? 'this release is a draft of files that were never committed: propose it from the machine that they are on'
      : 'is this the source that the release was published from?',
  })
}

const KINDS = { file: '644', executable: '755', link: 'link', submodule: undefined } as const

export function isContentOf(content: Buffer, entry: Entry): boolean {
  return entry.mode === 'link'
    ? content.equals(Buffer.from(entry.target))
    : integrityOf(content) === entry.integrity
}

/** What the source ignores was never meant to be committed, and may be a secret. */
export async function withoutIgnored(
  checkout: Checkout,
  { unit, entries: all }: ProposedEdit,
  base: readonly Entry[],
): Promise<{ entries: readonly Entry[]; ignored: readonly string[] }> {
  const stray = all.find((entry) => inUnit([entry], unit).length === 0)
  if (stray !== undefined)
    throw new SkillsctlError('usage', `this file is not in ${unit}`, { subject: stray.path })
  insistOnNames(all)
  const known = new Set(base.map(({ path }) => path))
  const added = all.flatMap(({ path }) => (known.has(path) ? [] : [path]))
  const ignored = await checkout.ignored(added)
  return { entries: all.filter(({ path }) => !ignored.has(path)), ignored: [...ignored] }
}

/** What no release could hold would only be refused later. */
function insistOnNames(entries: readonly Entry[]): void {
  try {
    checkNames(entries)
  } catch (error) {
    if (!isError(error, 'refused')) throw error
    const { message, subject, found } = error
    const hint = 'no release can hold that: mend it, and run the command again'
    throw new SkillsctlError('refused', message, { subject, found, hint, cause: error })
  }
}

/** @param there what the source has of the unit @throws SkillsctlError `absent` without an edit, `refused` where it meets what the release leaves out */
export function insistOnEdit(
  { unit, base }: ProposedEdit,
  there: readonly TreeEntry[],
  files: readonly FileEdit[],
): void {
  if (files.length === 0) {
    throw new SkillsctlError('absent', 'nothing is edited here that could be proposed', {
      subject: unit,
      found: `as in release ${base.version}`,
      hint: 'see what is edited: skillsctl edits',
    })
  }
  const gone = new Set(files.flatMap(({ path, kind }) => (kind === 'deleted' ? [path] : [])))
  const staying = there.filter(({ path }) => !gone.has(path))
  for (const { path, kind } of files) {
    if (kind !== 'added') continue
    const inTheWay = staying.find((other) => isOneInTheOther(other.path, path))
    if (inTheWay === undefined) continue
    throw new SkillsctlError('refused', 'the source has a file of this name, which the release leaves out', {
      subject: path,
      found: inTheWay.path,
      hint: 'rename yours and run the command again',
    })
  }
}

function isOneInTheOther(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`)
}

export async function insistOnClean(checkout: Checkout, unit: string): Promise<void> {
  const [path, ...more] = await checkout.uncommitted(unit)
  if (path === undefined) return
  throw new SkillsctlError(
    'refused',
    'somebody works on this in the checkout: there are uncommitted changes',
    {
      subject: path,
      found: more.length === 0 ? undefined : `and ${more.length} more in ${unit}`,
      hint: `commit them, or: ${shellLine('git', '-C', checkout.directory, 'stash', '--include-untracked', '--', unit)}`,
    },
  )
}
