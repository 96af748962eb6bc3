/** Names that somebody may have meant. */
import { distance } from 'fastest-levenshtein'

/** @returns at most three, nearest first; none that has hardly a letter in common */
export function nearNames(wanted: string, names: Iterable<string>): string[] {
  const text = wanted.toLowerCase()
  return [...new Set(names)]
    .map((name) => ({ name, far: distance(text, name.toLowerCase()), holds: name.includes(text) }))
    .filter(({ name, far, holds }) => holds || far <= Math.max(2, Math.max(name.length, text.length) / 2))
    .sort((left, right) => Number(right.holds) - Number(left.holds) || left.far - right.far)
    .slice(0, 3)
    .map(({ name }) => name)
}
