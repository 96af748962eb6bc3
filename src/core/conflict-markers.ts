/** What `git merge` leaves in a file that both sides have changed. No agent should ever read it. */
import { linesOf } from './lines.ts'

const MARKER = /^(?:<{7}|>{7})(?:[ \r\n]|$)/

export function hasConflictMarkers(content: Uint8Array): boolean {
  return linesOf(content).some((line) => MARKER.test(line))
}
