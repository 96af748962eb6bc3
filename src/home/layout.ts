/** The whole on-disk tree of one machine, declared in one place (SPEC.md, "The home"). */
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { makeDirectory, makePath } from '../disk/atomic-file.ts'
import { onDisk } from '../disk/fault.ts'

export interface Layout {
  readonly root: string
  /** The one atomic pointer: a link to `releases/<directory>`. */
  readonly current: string
  readonly releases: string
  readonly manifests: string
  readonly trust: string
  readonly config: string
  readonly state: string
  /** What `afterSwitch` was last run for. */
  readonly announced: string
  readonly history: string
  readonly staging: string
  readonly standby: string
  readonly kept: string
  /** What became of a person's edits. */
  readonly edits: string
  /** What a person made of parts of a release, beside what they were made from. */
  readonly overlays: string
  /** Releases with overlays in them, as surfaces show them. */
  readonly views: string
  /** Copies that a person works on. */
  readonly editing: string
  /** One link to a release for each surface, as `current` is for all. */
  readonly surfaces: string
  /** What we have made on each surface. */
  readonly ledgers: string
  /** Who reads which release right now. */
  readonly leases: string
  /** What went wrong where nobody was there to tell. */
  readonly log: string
  readonly lock: string
  /** Held by whoever refreshes for `skillsctl run`. */
  readonly refreshing: string
  /** Held by whoever runs `afterSwitch`. */
  readonly announcing: string
}

export function layoutOf(root: string): Layout {
  const at = (name: string): string => join(root, name)
  return {
    root,
    current: at('current'),
    releases: at('releases'),
    manifests: at('manifests'),
    trust: at('trust'),
    config: at('config.json'),
    state: at('state.json'),
    announced: at('announced.json'),
    history: at('history.jsonl'),
    staging: at('staging'),
    standby: at('standby'),
    kept: at('kept'),
    edits: at('edits.json'),
    overlays: at('overlays'),
    views: at('views'),
    editing: at('editing'),
    surfaces: at('surfaces'),
    ledgers: at('ledgers'),
    leases: at('leases'),
    log: at('log'),
    lock: at('lock'),
    refreshing: at('refreshing'),
    announcing: at('announcing'),
  }
}

/** Makes the directories that are not there yet. */
export async function createHome(layout: Layout): Promise<void> {
  await onDisk(layout.root, async () => {
    // A directory that somebody made before us keeps its mode.
    if (await makeDirectory(layout.root)) await chmod(layout.root, 0o700)
    for (const directory of [layout.releases, layout.manifests, layout.trust, layout.staging, layout.kept]) {
      makePath(directory)
    }
  })
}

/** The exact bytes of an installed release's manifest. */
export function manifestPath(layout: Layout, directory: string): string {
  return join(layout.manifests, `${directory}.json`)
}

/** See stat-record.ts. */
export function statPath(layout: Layout, directory: string): string {
  return join(layout.manifests, `${directory}.stat`)
}
