/** Text that compresses about as prose and code do, the same on every machine. */

const SYLLABLES = 'ka lo mi ter ver sen da pro con ri no be ta el ing us per to va re mo li'.split(' ')
const VOCABULARY = 6_000
const WORDS_A_LINE = 12

export class Words {
  readonly #vocabulary: readonly string[]
  #state: number

  constructor(seed: number) {
    this.#state = seed
    this.#vocabulary = Array.from({ length: VOCABULARY }, () => this.#coin())
  }

  /** Between 0 and 1, evenly (mulberry32). */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** Around 1, few of them very large: how sizes of files are spread. */
  skewed(sigma: number): number {
    const even = Math.sqrt(-2 * Math.log(1 - this.random())) * Math.cos(2 * Math.PI * this.random())
    return Math.exp(sigma * even)
  }

  word(): string {
    // Some words are common, most are rare: so skewed that `gzip -9` leaves about a third.
    return this.#vocabulary[Math.floor(VOCABULARY * this.random() ** 2.4)] ?? ''
  }

  line(): string {
    return Array.from({ length: WORDS_A_LINE }, () => this.word()).join(' ')
  }

  /** Lines of text, about so many bytes. */
  text(bytes: number): string {
    const lines: string[] = []
    for (let length = 0; length < bytes; ) {
      const line = this.line()
      lines.push(line)
      length += line.length + 1
    }
    return `${lines.join('\n')}\n`
  }

  #coin(): string {
    const count = 1 + Math.floor(this.random() * 4)
    const pick = (): string => SYLLABLES[Math.floor(this.random() * SYLLABLES.length)] ?? ''
    return Array.from({ length: count }, pick).join('')
  }
}
