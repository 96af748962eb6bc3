/** `skillsctl.json` at the top of the source repository (SPEC.md, "skillsctl.json"). */
import { SkillsctlError } from './errors.ts'
import { list, object, optional, parseJson, string } from './parse.ts'

export const PUBLISH_CONFIG = 'skillsctl.json'

export interface PublishConfig {
  readonly store?: string | undefined
  /** `<version>:sha256:<hex>` of the root of trust. */
  readonly root?: string | undefined
  readonly channel?: string | undefined
  readonly include?: readonly string[] | undefined
  readonly exclude?: readonly string[] | undefined
}

/** Longer than any path could make use of; the matcher gives up on much longer ones. */
const PATTERN = /^.{0,4096}$/s

const KNOWN = ['$schema', 'store', 'root', 'channel', 'include', 'exclude']

/** @throws SkillsctlError `usage` for anything it does not know, so that a typo is no silent default */
export function parsePublishConfig(text: string, subject: string): PublishConfig {
  try {
    const fields = object(parseJson(text, subject), subject)
    const unknown = Object.keys(fields).find((name) => !KNOWN.includes(name))
    if (unknown !== undefined) {
      throw new SkillsctlError('corrupt', 'an unknown setting', {
        found: unknown,
        expected: KNOWN.slice(1).join(', '),
      })
    }
    const setting = (name: string): string | undefined =>
      optional(fields[name], `${subject}: ${name}`, string)
    const patterns = (name: string): string[] | undefined =>
      optional(fields[name], `${subject}: ${name}`, (value, place) =>
        list(value, place, 1000).map((item) => string(item, place, PATTERN)),
      )
    return {
      store: setting('store'),
      root: setting('root'),
      channel: setting('channel'),
      include: patterns('include'),
      exclude: patterns('exclude'),
    }
  } catch (error) {
    if (!(error instanceof SkillsctlError)) throw error
    const { message, expected, found } = error
    throw new SkillsctlError('usage', message, {
      subject,
      expected,
      found,
      hint: `mend ${PUBLISH_CONFIG}`,
      cause: error,
    })
  }
}
