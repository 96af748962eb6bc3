/** The line with which an agent calls our hook. */
import { MARK } from './settings-text.ts'

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
  const [runtime, script] = [quote(node), quote(program)]
  const place = home === undefined ? '' : ` --home ${quote(home)}`
  const call = `NODE_OPTIONS= NODE_EXTRA_CA_CERTS= ${runtime} ${script} ${surface}${place} 2>/dev/null`
  return `test -x ${runtime} && test -f ${script} && ${call} || true ${MARK} ${surface}`
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
