/** File systems of a test's own, where mounting is permitted. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/**
 * A tmpfs for the tests of one file.
 * @param options of mount(8), as in `size=1m`
 * @returns where it is; undefined where mounting is not permitted
 */
export function mountSmallDisk(options: string): string | undefined {
  const place = mount(['-t', 'tmpfs', '-o', options, 'tmpfs'])
  // Fails when anything was left open.
  if (place !== undefined) afterAll(() => unmount(place))
  return place
}

/** Whether this user may mount with these arguments. */
export function mayMount(args: readonly string[]): boolean {
  const place = mount(args)
  if (place !== undefined) unmount(place)
  return place !== undefined
}

function mount(args: readonly string[]): string | undefined {
  const place = mkdtempSync(join(tmpdir(), 'mount-'))
  try {
    execFileSync('mount', [...args, place], { stdio: 'ignore' })
    return place
  } catch {
    // An ordinary user may not.
    rmdirSync(place)
    return undefined
  }
}

function unmount(place: string): void {
  execFileSync('umount', [place])
  rmdirSync(place)
}
