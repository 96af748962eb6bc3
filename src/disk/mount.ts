/** What can be renamed to where: Linux refuses it between two mounts, though both show one disk, as in containers. */
import { readFileSync, realpathSync, statSync } from 'node:fs'

/** Equal for two paths between which a rename works. @throws the system's error when nothing is there */
export function mountOf(path: string): string {
  const real = realpathSync(path)
  const above = mountPoints().filter((point) => real === point || real.startsWith(point.replace(/\/?$/, '/')))
  const [nearest = ''] = above.sort((left, right) => right.length - left.length)
  return `${statSync(real).dev} ${nearest}`
}

function mountPoints(): string[] {
  try {
    // proc(5): the fifth field, with spaces and the like as `\040`.
    return readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .flatMap((line) => line.split(' ')[4] ?? [])
      .map((point) =>
        point.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
      )
  } catch {
    // Not Linux, where two mounts are two disks.
    return []
  }
}
