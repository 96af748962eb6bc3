/** What an edit has to know of the release that it started from. */
import type { EditedRelease } from '../core/edits.ts'
import type { Installed } from '../home/releases.ts'

export function releaseOf({ version, manifest, content: { source } }: Installed): EditedRelease {
  return { version, manifest, commit: source.commit, committedAt: source.committedAt }
}
