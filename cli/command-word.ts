/** Which command a command line is about, before anybody has parsed it. */

/** @returns the first word that is neither a flag nor the value of one that comes before commands */
export function commandOf(args: readonly string[]): string | undefined {
  return args.find((arg, index) => !arg.startsWith('-') && args[index - 1] !== '--home')
}
