/** A release comes for the first time to where a person has skills already (SPEC.md, "First contact"). */
import { parsePolicies } from '../core/edit-policy.ts'
import { isError } from '../core/errors.ts'
import type { Adoption, Surface } from '../core/surface.ts'
import { releaseOf } from '../edits/edited-release.ts'
import { Overlays } from '../edits/overlays.ts'
import { pristine } from '../edits/pristine.ts'
import { readEdits, writeEdits } from '../edits/record.ts'
import { inUnit } from '../edits/source.ts'
import { takeEdit } from '../edits/take-edit.ts'
import { releaseTree, type Tree } from '../edits/tree.ts'
import type { MachineConfig } from '../home/config.ts'
import type { Layout } from '../home/layout.ts'
import { type Installed, readInstalled } from '../home/releases.ts'
import { type Contact, contentMet, type Met, meetEntries } from '../surfaces/contact.ts'
import { writeSurface } from '../surfaces/definitions.ts'
import { foundLedger } from '../surfaces/rebuild-ledger.ts'
import type { Settled } from '../surfaces/settle.ts'
import { placesSaved } from '../surfaces/snapshot.ts'
import { wantedReleases } from '../surfaces/wanted.ts'

type Rooted = Surface & { readonly root: string }

export interface FirstContact {
  /** By surface: places that are the release's from now on. */
  readonly yielded: ReadonlyMap<string, ReadonlySet<string>>
  /** Once the surfaces were moved: those that could be are met. */
  done(settled: readonly Settled[]): Promise<readonly Settled[]>
}

/**
 * Decides, and has what becomes an edit in `overlays/`; nothing of the person is moved yet. The caller holds the lock.
 * @param now milliseconds since the epoch
 */
export async function meet(
  layout: Layout,
  config: MachineConfig,
  surfaces: readonly Surface[],
  now: number,
): Promise<FirstContact> {
  const contacts = new Map<string, Contact>()
  const yielded = new Map<string, ReadonlySet<string>>()
  const wanted = await wantedReleases(layout, now)
  const edits = await readEdits(layout)
  const overlays = new Overlays(layout, edits, parsePolicies(config.raw), now)
  for (const { root, ...surface } of surfaces) {
    const release = wanted(surface.name)
    const installed = release === undefined ? undefined : readInstalled(layout, release)
    if (surface.adopt === undefined || root === undefined || installed === undefined) continue
    try {
      const contact = await meetOn(layout, overlays, { ...surface, root }, surface.adopt, installed, now)
      contacts.set(surface.name, contact)
      yielded.set(surface.name, new Set([...contact.equal, ...contact.kept, ...contact.taken]))
    } catch (error) {
      // Whoever moves it says why it cannot be worked on.
      if (!isError(error)) throw error
    }
  }
  if (overlays.outcomes.length > 0) await writeEdits(layout, { ...edits, overlays: overlays.all() })
  return {
    yielded,
    done: async (settled) => {
      const told: Settled[] = []
      for (const one of settled) {
        const contact = one.problem || one.outcome === 'waits' ? undefined : contacts.get(one.surface)
        const surface = surfaces.find(({ name }) => name === one.surface)
        if (contact !== undefined && surface !== undefined)
          await writeSurface(layout, one.surface, { ...surface, adopt: undefined })
        told.push(contact === undefined ? one : { ...one, contact })
      }
      return told
    },
  }
}

async function meetOn(
  layout: Layout,
  overlays: Overlays,
  surface: Rooted,
  adoption: Adoption,
  installed: Installed,
  now: number,
): Promise<Contact> {
  const tree = releaseTree(layout, installed)
  const met = await meetEntries(layout, surface, await foundLedger(layout, surface, now), tree)
  return decide(layout, overlays, surface, adoption, met, tree)
}

async function decide(
  layout: Layout,
  overlays: Overlays,
  surface: Rooted,
  adoption: Adoption,
  met: readonly Met[],
  tree: Tree,
): Promise<Contact> {
  const [equal, kept, taken]: [string[], string[], string[]] = [[], [], []]
  const stays: Contact['stays'][number][] = []
  const saved = placesSaved(layout, surface)
  for (const one of met) {
    const { place, is, entry } = one
    if (is === 'different' && adoption === 'skip') stays.push({ place, why: undefined })
    else if (is === 'foreign') stays.push({ place, why: one.why })
    // It came since, or is too large.
    else if (!saved.has(place)) stays.push({ place, why: 'no snapshot holds it' })
    else if (is === 'equal') equal.push(place)
    else if (adoption === 'take') taken.push(place)
    else {
      const found = contentMet(surface, one, tree)
      if ('why' in found) {
        stays.push({ place, why: found.why })
        continue
      }
      const { source: unit } = entry
      const base = releaseOf(tree.release)
      const before = pristine(layout, inUnit(tree.files, unit), [tree.path])
      await takeEdit(overlays, { unit, surface: surface.name, base, before, after: found.mine })
      const isShown = overlays.find(unit, surface.name) !== undefined
      ;(isShown ? kept : taken).push(place)
    }
  }
  return { equal, kept, taken, stays, snapshot: surface.snapshot }
}
