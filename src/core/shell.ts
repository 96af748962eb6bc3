/** Lines for a shell. */

/** One word, in quotes where it needs them. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

export function shellLine(...words: readonly string[]): string {
  return words.map(shellWord).join(' ')
}
