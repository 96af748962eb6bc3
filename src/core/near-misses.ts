/** What somebody may have meant by a name that does not exist. */
import { distance } from 'fastest-levenshtein'

const MOST = 3

/** The nearest names, best first; none that has little in common with what was wanted. */
export function nearMisses(wanted: string, names: Iterable<string>): string[] {
  const isNear = (name: string, steps: number): boolean =>
    steps <= Math.max(2, wanted.length / 3) || name.startsWith(wanted) || wanted.startsWith(name)
  if (wanted === '') return []
  return [...names]
    .map((name) => ({ name, steps: distance(wanted, name) }))
    .filter(({ name, steps }) => isNear(name, steps))
    .sort((left, right) => left.steps - right.steps)
    .slice(0, MOST)
    .map(({ name }) => name)
}
