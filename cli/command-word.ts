/** Which command a command line is about, before anybody has parsed it. */

const HELP: ReadonlySet<string> = new Set(['-h', '--help'])

/**
 * @returns the first word that is neither a flag nor the value of one that comes before commands; undefined where help is
 *   asked for before: that is about all of them
 */
export function commandOf(args: readonly string[]): string | undefined {
  const at = args.findIndex((arg, index) => !arg.startsWith('-') && args[index - 1] !== '--home')
  return args.slice(0, Math.max(at, 0)).some((arg) => HELP.has(arg)) ? undefined : args[at]
}
