/** Which entries a surface takes. */
import type { Surface } from '../core/surface.ts'

/** @param place such as `skills/quarterback` */
export type Takes = (place: string) => boolean

/** A pattern fits the name of an entry, with or without its folder: `legal-*`, `commands/*`. */
export async function matcherOf({ only, except }: Pick<Surface, 'only' | 'except'>): Promise<Takes> {
  if (only.length === 0 && except.length === 0) return () => true
  const { default: picomatch } = await import('picomatch')
  const fits = (patterns: readonly string[]): Takes => {
    const isMatch = picomatch([...patterns])
    return (place) => isMatch(place) || isMatch(place.slice(place.indexOf('/') + 1))
  }
  const isTaken = only.length === 0 ? () => true : fits(only)
  const isLeftOut = except.length === 0 ? () => false : fits(except)
  return (place) => isTaken(place) && !isLeftOut(place)
}
