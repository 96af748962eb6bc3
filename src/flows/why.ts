/** `skillsctl why <skill>`: which bytes of it are active, where from, since when, and whether agents see them. */
import type { Commit, Git } from '../archive/git.ts'
import type { ChannelHead, Release } from '../core/channel.ts'
import type { Overlay } from '../core/edits.ts'
import { SkillsctlError } from '../core/errors.ts'
import { nearMisses } from '../core/near-misses.ts'
import { originOf } from '../core/origin.ts'
import { entriesOf, FOLDERS, type SurfaceEntry } from '../core/surface.ts'
import { type Trial, trialInForce } from '../core/trial.ts'
import { type Snapshot, type SurfaceSnapshot, takeSnapshot } from '../doctor/snapshot.ts'
import { readTree, type Tree } from '../edits/tree.ts'
import { releaseIn } from '../edits/tree-name.ts'
import { type Drift, findDrift } from '../home/drift.ts'
import { type Installed, listNames, readInstalled } from '../home/releases.ts'
import { trustCache } from '../home/trust-cache.ts'
import type { EntryState } from '../surfaces/entry-state.ts'
import type { Host } from '../surfaces/host.ts'
import type { Verdict } from '../surfaces/verdict.ts'
import { sha256Hex } from '../trust/digest.ts'
import { knownHead } from './known-head.ts'
import { type MachineContext, openMachine } from './machine.ts'

export interface WhyReport {
  /** As in `skills/quarterback`. */
  readonly place: string
  readonly channel: string
  readonly pinned: boolean
  /** A draft that is tried here, and the channel that is followed after it. */
  readonly trial: (Trial & { readonly after: string }) | undefined
  /** Of what `current` names. */
  readonly current: Active | undefined
  readonly surfaces: readonly WhyOnSurface[]
  readonly checkedAt: string | undefined
  readonly signedAt: string | undefined
}

export interface Active {
  readonly version: string
  /** Of this entry alone: equal for equal bytes. */
  readonly digest: string
  readonly commit: string
  readonly committedAt: string
  /** Who wrote that commit, if the channel says so; it may have changed something else. */
  readonly author: string | undefined
  /** The release with which these bytes came to the channel; undefined for longer ago than this machine knows. */
  readonly cameWith: Release | undefined
  /** The commit that changed it last; undefined where no clone can tell. */
  readonly lastChange: (Omit<Commit, 'hash'> & { readonly commit: string }) | undefined
  /** Paths below the release, or below the root of the surface. */
  readonly edited: readonly string[]
  /** A person's own version that is shown in its place. */
  readonly overlay?: ActiveOverlay | undefined
}

export type ActiveOverlay = Pick<Overlay, 'since' | 'blessed' | 'waits'> & {
  /** Version that it was made from. */
  readonly base: string
}

export interface WhyOnSurface {
  readonly surface: string
  /** What is in its place there; undefined for a surface that leaves it out, or shows nothing yet. */
  readonly is: EntryState['is'] | undefined
  /** Undefined as well for what is not ours. */
  readonly active: Active | undefined
  /** The release that the surface shows, and since when: these bytes may be older. */
  readonly shows: { readonly version: string; readonly since: string } | undefined
  readonly verdict: Verdict | undefined
}

export interface WhyOptions {
  readonly host: Host
  /** The clone that we are in, if we are in one: git knows the very commit. */
  readonly git: Git | undefined
}

/**
 * @param wanted `quarterback`, `skills/quarterback` or `commands/plan.md`
 * @throws SkillsctlError `absent` for a name that is nowhere
 */
export async function why(
  context: MachineContext,
  wanted: string,
  { host, git }: WhyOptions,
): Promise<WhyReport> {
  const { layout, config, state, channel } = await openMachine(context)
  const trial = trialInForce(state.trial, context.now())
  const unasked = { machineId: undefined, hooks: new Map() }
  const snapshot = await takeSnapshot({ layout, config, state, now: context.now(), host, ...unasked })
  const { current } = snapshot
  const inCurrent = current === undefined ? new Map<string, SurfaceEntry>() : everyEntry(current)
  const onSurfaces = snapshot.surfaces.flatMap(({ entries }) => [...entries.keys()])
  const place = find(wanted, [...inCurrent.keys(), ...onSurfaces])
  if (place === undefined) throw nowhere(snapshot, wanted, [...inCurrent.keys(), ...onSurfaces])
  const entry = inCurrent.get(place)
  const sources = { head: await knownHead(trustCache(layout), channel), git }
  const surfaces: WhyOnSurface[] = []
  for (const surfaceSnapshot of snapshot.surfaces)
    surfaces.push(await onSurface(snapshot, surfaceSnapshot, place, sources))
  return {
    place,
    channel: channel.name,
    trial: trial && { ...trial, after: config.channel },
    pinned: state.pin !== undefined,
    current: current && entry && (await active(current, entry, editsIn(snapshot, current, entry), sources)),
    surfaces,
    checkedAt: state.checkedAt,
    signedAt: state.signedAt,
  }
}

function everyEntry({ content }: Installed): Map<string, SurfaceEntry> {
  return entriesOf(content.files, FOLDERS, () => true, sha256Hex)
}

function find(wanted: string, places: readonly string[]): string | undefined {
  const text = wanted.replace(/\/+$/, '')
  const fits = (place: string): boolean => place === text || place.endsWith(`/${text}`)
  return places.find(fits) ?? places.find((place) => fits(place.replace(/\.md$/, '')))
}

async function onSurface(
  snapshot: Snapshot,
  { surface, ledger, pointer, entries, states, verdicts }: SurfaceSnapshot,
  place: string,
  sources: Sources,
): Promise<WhyOnSurface> {
  const entry = entries.get(place)
  const name = ledger.entries.get(place)?.release ?? pointer
  const tree = name === undefined ? undefined : readTree(snapshot.layout, name)
  const { is, edits: copied = [] } = states.get(place) ?? {}
  const verdict = verdicts.find((one) => one.place === place)
  const known = { surface: surface.name, is, verdict, shows: shownBy(snapshot, ledger) }
  if (is !== 'ours' || entry === undefined || tree === undefined) return { ...known, active: undefined }
  const overlay = overlayIn(snapshot, tree, entry)
  const edits =
    surface.by === 'copy' ? copied : overlay === undefined ? editsIn(snapshot, tree.release, entry) : []
  return { ...known, active: { ...(await active(tree.release, entry, edits, sources)), overlay } }
}

/** What is edited in it since is what the next pull takes over: `skillsctl edits` tells. */
function overlayIn(
  { edits }: Snapshot,
  { overlaid }: Tree,
  { source }: SurfaceEntry,
): ActiveOverlay | undefined {
  const shown = overlaid.find(({ unit }) => unit === source)
  const overlay = edits.overlays.find(({ unit, surface }) => unit === source && surface === shown?.surface)
  if (shown === undefined || overlay === undefined) return undefined
  const { base, since, blessed, waits } = overlay
  return { base: base.version, since, blessed, waits }
}

function shownBy({ layout }: Snapshot, { shows }: SurfaceSnapshot['ledger']): WhyOnSurface['shows'] {
  if (shows === undefined) return undefined
  const { release, since } = shows
  return { version: readInstalled(layout, releaseIn(release))?.version ?? release, since }
}

function editsIn({ layout }: Snapshot, installed: Installed, { source }: SurfaceEntry): Drift[] {
  const drift = findDrift(layout, installed)
  return drift.filter(({ path }) => path === source || path.startsWith(`${source}/`))
}

/** Who knows where bytes come from. */
interface Sources {
  readonly head: ChannelHead | undefined
  readonly git: Git | undefined
}

async function active(
  { version, manifest, content }: Installed,
  { digest, source }: SurfaceEntry,
  edits: readonly Drift[],
  { head, git }: Sources,
): Promise<Active> {
  const { commit, committedAt } = content.source
  const change = await git?.lastChange(commit, source)
  return {
    version,
    digest,
    commit,
    committedAt,
    ...originOf(head, manifest, source),
    lastChange: change && { commit: change.hash, committedAt: change.committedAt, author: change.author },
    edited: edits.map(({ path }) => path),
  }
}

function nowhere({ layout, current }: Snapshot, wanted: string, places: readonly string[]): SkillsctlError {
  const name = (place: string): string => place.slice(place.indexOf('/') + 1)
  const near = nearMisses(wanted, new Set(places.map(name)))
  const before = listNames(layout)
    .filter(({ directory }) => directory !== current?.directory)
    .map(({ directory }) => readInstalled(layout, directory))
    .find(
      (installed) => installed !== undefined && find(wanted, [...everyEntry(installed).keys()]) !== undefined,
    )
  const hint =
    near.length === 0 ? 'see what there is: skillsctl doctor --all' : `did you mean ${near.join(' or ')}?`
  return new SkillsctlError('absent', 'no release that is active here has a skill of this name', {
    subject: wanted,
    found: before && `it was in ${before.version}, which is still on this machine`,
    hint,
  })
}
