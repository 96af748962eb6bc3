/** `skillsctl propose`: an edit becomes one commit in a checkout of the source, on a branch that starts at its release. */
import { lstatSync, readFileSync, readlinkSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Checkout, type TreeEdit } from '../archive/checkout.ts'
import { askHead, fetchCommit, type Pushed, push, remotesOf } from '../archive/remote.ts'
import { SkillsctlError } from '../core/errors.ts'
import type { Entry } from '../core/manifest.ts'
import { branchName, commitMessage, type FileEdit, fileEdits } from '../core/proposal.ts'
import { shellLine } from '../core/shell.ts'
import { onDisk, onDiskNow } from '../disk/fault.ts'
import type { Locate } from '../home/drift.ts'
import { sha256Hex } from '../trust/digest.ts'
import {
  insistOnBase,
  insistOnClean,
  insistOnEdit,
  insistOnRelease,
  inUnit,
  isContentOf,
  withoutIgnored,
} from './proposal-checks.ts'

/** What a person made of a unit, and what of. */
export interface ProposedEdit {
  /** Path in the release: `skills/quarterback`, `commands/plan.md`. */
  readonly unit: string
  /** What is in it now; paths as in the release. */
  readonly entries: readonly Entry[]
  /** Where these files are. */
  readonly locate: Locate
  /** Entries of other units may be among those of the release. */
  readonly base: { readonly version: string; readonly commit: string; readonly entries: readonly Entry[] }
  /** Short name of the machine. */
  readonly machine: string
}

export interface ProposeOptions {
  /** In a checkout of the source, or a bare repository. */
  readonly repository: string
  readonly branch?: string | undefined
  readonly push?: boolean | undefined
  /** For the commit message. */
  readonly why?: string | undefined
  /** How long a remote is waited for before we go on without it, in milliseconds. */
  readonly patience?: number | undefined
}

export interface ProposeReport {
  /** `unchanged`: it was proposed before. `landed`: the source has it already, so there is nothing to propose. */
  readonly outcome: 'proposed' | 'unchanged' | 'landed'
  readonly unit: string
  readonly base: { readonly version: string; readonly commit: string }
  readonly files: readonly Pick<FileEdit, 'path' | 'kind'>[]
  /** Files that the source ignores (`.gitignore`), and that are not in the commit. */
  readonly ignored: readonly string[]
  /** Top of the checkout. */
  readonly repository: string
  readonly branch: string
  /** Of the branch; undefined when it landed. */
  readonly commit: string | undefined
  /** What the default branch of the remote has of this unit; undefined without a remote. */
  readonly upstream: Upstream | undefined
  /** Where the branch would go, or went. */
  readonly remote: string | undefined
  readonly pushed: Pushed | undefined
  /** Git is set to sign commits, and this one is not. */
  readonly unsigned: boolean
}

export interface Upstream {
  readonly remote: string
  readonly branch: string | undefined
  /** `changed` since the release: whoever merges may have to decide. */
  readonly is: 'unreachable' | 'same' | 'changed' | 'landed'
}

const PATIENCE = 10_000

/**
 * @throws SkillsctlError `refused` for a checkout that is not the source, not clean or behind in what was edited, for a
 *   branch with other content; `absent` without an edit; `drift` when files change meanwhile; `usage`, `failed`,
 *   `unreachable` when it could not be pushed
 */
export async function propose(edit: ProposedEdit, options: ProposeOptions): Promise<ProposeReport> {
  const checkout = await Checkout.open(options.repository)
  if (options.branch !== undefined) await checkout.insistOnBranchName(options.branch)
  const base = inUnit(edit.base.entries, edit.unit)
  await insistOnRelease(checkout, edit)
  const there = await insistOnBase(checkout, edit, base)
  const { entries, ignored } = await withoutIgnored(checkout, edit, base)
  const files = fileEdits(base, entries)
  insistOnEdit(edit, there, files)
  await insistOnClean(checkout, edit.unit)
  await checkout.insistOnIdentity()
  const branch = options.branch ?? branchName(edit.unit, base, entries, sha256Hex)
  const tree = await writeTree(checkout, edit, files)
  const settings = await checkout.settings()
  const remotes = remotesOf(checkout, settings)
  const upstream = await askUpstream(checkout, edit, remotes.followed, tree, options.patience ?? PATIENCE)
  const told = {
    unit: edit.unit,
    base: { version: edit.base.version, commit: edit.base.commit },
    files: files.map(({ path, kind }) => ({ path, kind })),
    ignored,
    repository: checkout.directory,
    branch,
    upstream,
    remote: remotes.pushed,
  }
  if (upstream?.is === 'landed')
    return { ...told, outcome: 'landed', commit: undefined, pushed: undefined, unsigned: false }
  const { commit, isNew } = await commitOnce(checkout, edit, { branch, tree, why: options.why })
  const pushed = options.push === true ? await pushTo(checkout, told.remote, branch) : undefined
  const signs = /^(?:true|yes|on|1)$/i.test(settings.get('commit.gpgsign') ?? '')
  return { ...told, outcome: isNew ? 'proposed' : 'unchanged', commit, pushed, unsigned: isNew && signs }
}

async function writeTree(
  checkout: Checkout,
  edit: ProposedEdit,
  files: readonly FileEdit[],
): Promise<string> {
  const edits = files.map((file) =>
    file.kind === 'deleted' ? file : treeEdit(edit.locate(file.entry.path), file.entry),
  )
  const room = await onDisk(tmpdir(), () => mkdtemp(join(tmpdir(), 'skillsctl-propose-')))
  try {
    return await checkout.writeTree(edit.base.commit, edits, room)
  } finally {
    await rm(room, { recursive: true, force: true })
  }
}

function treeEdit(path: string, entry: Entry): TreeEdit {
  const isLink = entry.mode === 'link'
  const content = onDiskNow(path, () => {
    if (lstatSync(path).isSymbolicLink() !== isLink) return undefined
    return isLink ? readlinkSync(path, 'buffer') : readFileSync(path)
  })
  if (content === undefined || !isContentOf(content, entry)) {
    throw new SkillsctlError('drift', 'this file changed while it was read', {
      subject: path,
      hint: 'run the command again',
    })
  }
  return { path: entry.path, mode: isLink ? '120000' : `100${entry.mode}`, content }
}

/** @throws SkillsctlError `refused` when the remote has changed the unit in commits that the checkout lacks */
async function askUpstream(
  checkout: Checkout,
  { unit, base }: ProposedEdit,
  remote: string | undefined,
  tree: string,
  patience: number,
): Promise<Upstream | undefined> {
  if (remote === undefined) return undefined
  const head = await askHead(checkout, remote, patience)
  if (head === null) return undefined
  const unreachable = { remote, branch: head?.branch, is: 'unreachable' } as const
  if (head === undefined) return unreachable
  if (head.commit === base.commit) return { remote, branch: head.branch, is: 'same' }
  const isHere = await checkout.knows(head.commit)
  if (!isHere && !(await fetchCommit(checkout, remote, head.commit, patience))) return unreachable
  const theirs = await checkout.contentAt(head.commit, unit)
  const has = async (other: string): Promise<boolean> => theirs === (await checkout.contentAt(other, unit))
  const is = (await has(tree)) ? 'landed' : (await has(base.commit)) ? 'same' : 'changed'
  if (is !== 'changed' || (isHere && (await checkout.hasInHistory(head.commit))))
    return { remote, branch: head.branch, is }
  throw new SkillsctlError('refused', 'the checkout is behind its remote, where this was changed as well', {
    subject: unit,
    found: `${remote}${head.branch === undefined ? '' : `/${head.branch}`} is at ${head.commit.slice(0, 12)}`,
    hint: `run: ${shellLine('git', '-C', checkout.directory, 'fetch', remote)}; look at what has changed there, and run the command again`,
  })
}

async function commitOnce(
  checkout: Checkout,
  { machine, unit, base }: ProposedEdit,
  { branch, tree, why }: { branch: string; tree: string; why: string | undefined },
): Promise<{ commit: string; isNew: boolean }> {
  const tip = await checkout.tip(branch)
  if (tip === undefined) {
    if (await checkout.isOn(branch)) throw otherBranch(branch, 'it is checked out, without a commit')
    const message = commitMessage({ machine, version: base.version, unit, why })
    const commit = await checkout.commitTree(tree, base.commit, message)
    await checkout.createBranch(branch, commit)
    return { commit, isNew: true }
  }
  // The same change of the same files is the same proposal, from whichever release; or with another message by now.
  const parent = await checkout.parent(tip)
  const isSame =
    parent !== undefined &&
    (await checkout.difference(parent, tip)) === (await checkout.difference(base.commit, tree))
  if (!isSame) throw otherBranch(branch, `commit ${tip.slice(0, 12)}`)
  return { commit: tip, isNew: false }
}

function otherBranch(branch: string, found: string): SkillsctlError {
  return new SkillsctlError('refused', 'there is a branch of this name that holds something else', {
    subject: branch,
    found,
    hint: 'give another name: --branch <name>',
  })
}

async function pushTo(checkout: Checkout, remote: string | undefined, branch: string): Promise<Pushed> {
  if (remote !== undefined) return push(checkout, remote, branch)
  throw new SkillsctlError('refused', 'this checkout has no remote to push to', {
    subject: checkout.directory,
    hint: `the branch is there; add a remote, and run the command again, or merge it: git merge ${branch}`,
  })
}
