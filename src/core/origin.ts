/** Where the bytes at a path come from, as far as a channel's newest entries tell. */
import type { Changes } from './changes.ts'
import type { ChannelHead, Release } from './channel.ts'

export interface Origin {
  /** Who wrote the commit of the release that runs; it may have changed something else. */
  readonly author: string | undefined
  /** The release with which these bytes came to the channel, if the entries reach back that far. */
  readonly cameWith: Release | undefined
}

/**
 * @param manifest SHA-256 of the manifest of the release that holds the bytes
 * @param path of a file, or of a directory with everything in it
 */
export function originOf(head: ChannelHead | undefined, manifest: string, path: string): Origin {
  const entries = head === undefined ? [] : [head.entry, ...head.history]
  const place = entries.findIndex((entry) => entry.manifest.sha256 === manifest)
  const upToHere = place < 0 ? [] : entries.slice(place)
  const change = upToHere.find(({ changes }) => changes.more !== undefined || touches(changes, path))
  // The first release of a channel brought everything that none after it changed.
  const first = head?.older === undefined ? upToHere.at(-1) : undefined
  const candidate = change ?? first
  const isKnown = candidate === first || (candidate !== undefined && touches(candidate.changes, path))
  return { author: upToHere[0]?.release.author, cameWith: isKnown ? candidate?.release : undefined }
}

/** Whether a summary by skill names something at, in or around this path. */
function touches({ added, removed, modified, renamed }: Changes, path: string): boolean {
  const names = [added, removed, modified, renamed.flat()].flat()
  return names.some((name) => name === '.' || isIn(name, path) || isIn(path, name))
}

function isIn(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`)
}
