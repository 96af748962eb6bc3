/**
 * The overlays of a machine while something becomes of them: an edit is taken over, a release is followed. Contents are
 * written as it goes; what is to count is in `edits` at the end, for one write of `edits.json`. The caller holds the lock.
 */
import { type EditPolicy, type PolicyRule, policyFor } from '../core/edit-policy.ts'
import type { EditedRelease, Edits, Overlay } from '../core/edits.ts'
import { isError } from '../core/errors.ts'
import { formatInstant } from '../core/parse.ts'
import { changesBetween, linesOf } from '../core/unit.ts'
import { keepEdits } from '../home/drift.ts'
import type { Layout } from '../home/layout.ts'
import { Originals } from '../home/originals.ts'
import { type Installed, listNames, readInstalled } from '../home/releases.ts'
import { type Content, readIntact, setAside } from './content.ts'
import { pristine } from './pristine.ts'
import { inUnit, type Placed, type Source } from './source.ts'

export interface Outcome {
  readonly unit: string
  readonly surface?: string | undefined
  /**
   * `kept`: an edit is an overlay now. `merged`: with what a newer release changed. `waits`: a newer release changed the
   * same. `removed`: a newer release has it no more. `renamed`: it follows. `ended`: the release is what the person
   * wanted. `aside`: the release wins, the edit is in `kept/`. `damaged`: its files are not what the person wrote.
   * `unreadable`: it could not be taken over, and stays where it is.
   */
  readonly became:
    | 'kept'
    | 'merged'
    | 'waits'
    | 'removed'
    | 'renamed'
    | 'ended'
    | 'aside'
    | 'damaged'
    | 'unreadable'
  readonly paths?: readonly string[] | undefined
  /** Directory of `kept/` with what was replaced. */
  readonly kept?: string | undefined
  /** Of a unit that follows a rename. */
  readonly formerly?: string | undefined
}

export class Overlays {
  readonly outcomes: Outcome[] = []
  readonly layout: Layout
  private readonly rules: readonly PolicyRule[]
  /** When it becomes of them what becomes of them. */
  readonly now: string
  private readonly overlays: Overlay[]
  private readonly releases = new Map<string, Installed | undefined>()
  private readonly originals: Originals

  /** @param now milliseconds since the epoch */
  constructor(layout: Layout, { overlays }: Edits, rules: readonly PolicyRule[], now: number) {
    this.layout = layout
    this.rules = rules
    this.now = formatInstant(now)
    this.overlays = [...overlays]
    this.originals = new Originals(layout)
  }

  all(): readonly Overlay[] {
    return this.overlays
  }

  find(unit: string, surface: string | undefined): Overlay | undefined {
    return this.overlays.find((one) => one.unit === unit && one.surface === surface)
  }

  /** The unit as it was in a release, if that is here still. */
  releasedAt({ manifest }: EditedRelease, unit: string): Source | undefined {
    const release = this.installed(manifest)
    return release && pristine(this.layout, inUnit(release.content.files, unit), [], this.originals)
  }

  /** Of many edits most have started from the same. */
  installed(manifest: string): Installed | undefined {
    if (!this.releases.has(manifest)) {
      const name = listNames(this.layout).find((one) => one.manifest === manifest)
      this.releases.set(manifest, name && readInstalled(this.layout, name.directory))
    }
    return this.releases.get(manifest)
  }

  /** Undefined when it is damaged. */
  intact({ content }: Overlay): Content | undefined {
    try {
      return readIntact(this.layout, content)
    } catch (error) {
      if (isError(error, 'corrupt')) return undefined
      throw error
    }
  }

  /** What the person wrote themselves. What we have merged before is made of that, and can be given up. */
  async keepWritten(
    { base, isMerged }: Overlay,
    content: Pick<Content, 'base' | 'mine'>,
  ): Promise<string | undefined> {
    return isMerged === true ? undefined : this.keep(base, content.base, content.mine)
  }

  /** Back to the release; what the person made is in `kept/`. @returns its directory there */
  async giveUp(overlay: Overlay): Promise<string | undefined> {
    const kept = await this.keepAll(overlay)
    this.remove(overlay)
    this.outcome('aside', overlay, { kept })
    return kept
  }

  /** Of one that is damaged, whatever is left of it. */
  private async keepAll(overlay: Overlay): Promise<string | undefined> {
    const content = this.intact(overlay)
    return content === undefined
      ? setAside(this.layout, overlay.content)
      : this.keep(overlay.base, content.base, content.mine)
  }

  add(overlay: Overlay): void {
    this.overlays.push(overlay)
  }

  replace(overlay: Overlay, by: Overlay): void {
    this.overlays.splice(this.overlays.indexOf(overlay), 1, by)
  }

  remove(overlay: Overlay): void {
    this.overlays.splice(this.overlays.indexOf(overlay), 1)
  }

  policy(unit: string, surface: string | undefined, known: Overlay | undefined): EditPolicy {
    return known?.blessed !== undefined ? 'keep' : policyFor(this.rules, unit, surface)
  }

  async keep(release: EditedRelease, before: Source, mine: Placed): Promise<string | undefined> {
    const name = { ...release, directory: release.version }
    return keepEdits(this.layout, name, changesBetween(before.entries, mine.entries), mine.locate)
  }

  outcome(
    became: Outcome['became'],
    { unit, surface }: Pick<Outcome, 'unit' | 'surface'>,
    more: Partial<Outcome> = {},
  ): void {
    this.outcomes.push({ unit, surface, became, ...more })
  }
}

export function isSame(one: Pick<Source, 'entries'>, other: Pick<Source, 'entries'>): boolean {
  return linesOf(one.entries) === linesOf(other.entries)
}
