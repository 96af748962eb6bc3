/** The line with which an agent calls our hook. */
import { shellWord } from '../core/shell-word.ts'

/** How it ends, with the surface behind. */
const MARK = '# skillsctl hook'
/** As `hookCommand` quotes it. */
const HOME = / --home ('(?:[^']|'\\'')*') 2>\/dev\/null \|\| true # /

export interface HookProgram {
  /** Absolute paths. */
  readonly node: string
  readonly program: string
  /** Where it is not the one that a process without any settings finds. */
  readonly home?: string | undefined
}

/**
 * For any shell. It ends with 0 also when Node or the program has gone, and no setting of the person's makes Node load
 * something else first.
 */
export function hookCommand({ node, program, home }: HookProgram, surface: string): string {
  const [runtime, script] = [shellWord(node), shellWord(program)]
  const place = home === undefined ? '' : ` --home ${shellWord(home)}`
  const call = `NODE_OPTIONS= NODE_EXTRA_CA_CERTS= ${runtime} ${script} ${surface}${place} 2>/dev/null`
  return `test -x ${runtime} && test -f ${script} && ${call} || true ${MARK} ${surface}`
}

/** Whether this command line is one of ours for this surface, of whatever home. */
export function isHookCommand(command: string, surface: string): boolean {
  return command.endsWith(`${MARK} ${surface}`)
}

/** The home that a command line of ours names. */
export function homeIn(command: string): string | undefined {
  return HOME.exec(command)?.[1]?.slice(1, -1).replaceAll(`'\\''`, `'`)
}
