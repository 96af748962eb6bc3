/** A text and what two people made of it, generated: one byte is one code unit. */
import { randoms } from '../support/randoms.ts'

export interface Versions {
  readonly base: string
  readonly mine: string
  readonly theirs: string
}

/** How many different lines a text is made of. Few are harder: it isn't clear then which line is which. */
const VOCABULARIES = [2, 3, 8, 30, 1000, 1000]
const LENGTHS = [0, 5, 12, 30, 80, 300]
const ODD = ['\xef\xbb\xbf', '\xff\xfe', '\xc3', '<<<<<<< HEAD', '=======', '>>>>>>> theirs', '\x1b[31m']

export function* versionsOfText(seed: number): Generator<Versions, never> {
  const random = randoms(seed)
  const below = (limit: number): number => Math.floor(random.next().value * limit)
  const chance = (share: number): boolean => random.next().value < share
  const pick = <T>(list: readonly T[], otherwise: T): T => list[below(list.length)] ?? otherwise

  for (;;) {
    const vocabulary = pick(VOCABULARIES, 2)
    const ending = chance(0.2) ? '\r\n' : '\n'
    const line = (): string => {
      const word = below(vocabulary)
      const text = word === 0 || chance(0.1) ? '' : word === 1 ? '}' : `line ${word}`
      return chance(0.02) ? pick(ODD, '') : text + (chance(0.02) ? '\r' : '')
    }
    const some = (): string[] => Array.from({ length: 1 + below(4) }, line)
    const edits: readonly ((lines: string[], at: number) => unknown)[] = [
      (lines, at) => lines.splice(at, 1 + below(4)),
      (lines, at) => lines.splice(at, 0, ...some()),
      (lines, at) => lines.splice(at, 1 + below(4), ...some()),
      (lines, at) => lines.splice(at, 0, ...lines.slice(at, at + 1 + below(4))),
      (lines, at) => lines.splice(below(lines.length), 0, ...lines.splice(at, 1 + below(4))),
      (lines, at) => lines.splice(at, 1, `${lines[at] ?? ''}!`),
    ]
    const edited = (before: readonly string[]): string[] => {
      const lines = [...before]
      for (let left = below(4); left > 0; left--) pick(edits, () => {})(lines, below(lines.length + 1))
      return lines
    }
    const text = (lines: readonly string[]): string =>
      lines.join(ending) + (lines.length === 0 || chance(0.1) ? '' : ending)

    const base = Array.from({ length: pick(LENGTHS, 5) }, line)
    const middle = chance(0.3) ? edited(base) : base
    yield { base: text(base), mine: text(edited(middle)), theirs: text(edited(middle)) }
  }
}
