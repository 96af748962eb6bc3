/**
 * Which names a release may hold (SPEC.md, "Names"). A name that two file systems would read differently is
 * refused when publishing and again when installing.
 */
import { compareBytes } from './canonical.ts'
import { SkillsctlError } from './errors.ts'
import { follow } from './follow.ts'

/** Bytes of UTF-8. Leaves room for a home directory under macOS's limit of 1,024 for a whole path. */
export const LONGEST_PATH = 700
/** Bytes of UTF-8; every common file system stops here. */
export const LONGEST_NAME = 255

const RESERVED_ON_WINDOWS = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\.|$)/i
const FORBIDDEN_ON_WINDOWS = /[<>:"|?*]/
export const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/
/** HFS+ ignores these when it compares names; several also reorder text to mislead a reader. */
export const INVISIBLE = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/
/** Nearly every name; what is costly for the others is not asked of these. */
const ASCII = /^[\u0020-\u007e]*$/
export const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

/** Nearly every path, short and of harmless characters; a dot neither begins nor ends a name. */
const PLAIN = /^(?=.{1,255}$)[\w-]+(?:\.+[\w-]+)*(?:\/[\w-]+(?:\.+[\w-]+)*)*$/
const RESERVED_IN_PLAIN = /(?:^|\/)(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:[./]|$)/i

/** Why this path may not be in a release, or undefined when it may. */
export function pathProblem(path: string): string | undefined {
  if (PLAIN.test(path) && !RESERVED_IN_PLAIN.test(path)) return undefined
  if (path === '') return 'is empty'
  if (path.startsWith('/')) return 'is absolute'
  const problem = textProblem(path)
  if (problem !== undefined) return problem
  if (byteLength(path) > LONGEST_PATH) return `is longer than ${LONGEST_PATH} bytes`
  for (const name of path.split('/')) {
    const problem = nameProblem(name)
    if (problem !== undefined) return problem
  }
  return undefined
}

function textProblem(text: string): string | undefined {
  if (ASCII.test(text)) return text.includes('\\') ? 'holds a backslash' : undefined
  if (LONE_SURROGATE.test(text)) return 'is not valid Unicode'
  if (CONTROL.test(text)) return 'holds a control character'
  if (INVISIBLE.test(text)) return 'holds an invisible character'
  if (text.includes('\\')) return 'holds a backslash'
  return undefined
}

function nameProblem(name: string): string | undefined {
  if (name === '') return 'holds an empty name'
  if (name === '.' || name === '..') return `holds the name "${name}"`
  if (name.toLowerCase() === '.git' || /^git~\d$/i.test(name)) return 'holds the name of a git directory'
  if (FORBIDDEN_ON_WINDOWS.test(name)) return 'holds one of < > : " | ? *, which Windows refuses'
  if (RESERVED_ON_WINDOWS.test(name)) return 'holds a name that Windows reserves'
  if (/[. ]$/.test(name)) return 'holds a name that ends in a dot or space, which Windows drops'
  if (byteLength(name) > LONGEST_NAME) return `holds a name longer than ${LONGEST_NAME} bytes`
  return undefined
}

/** Length in bytes of UTF-8. */
function byteLength(text: string): number {
  if (ASCII.test(text)) return text.length
  let bytes = 0
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return bytes
}

/** A path or, for a symbolic link, a path and where the link points. */
export interface Named {
  readonly path: string
  readonly target?: string
}

/**
 * Checks all names of one tree together: each path, twins, files in the place of directories, links that leave.
 * @throws SkillsctlError `refused` naming the first offender
 */
export function checkNames(entries: readonly Named[]): void {
  for (const { path } of entries) {
    const problem = pathProblem(path)
    if (problem !== undefined) throw refusal(path, `the path ${problem}`)
  }
  checkTwins(entries)
  const links = entries.filter(({ target }) => target !== undefined)
  const targets = new Map(links.map(({ path, target }) => [fold(path), target ?? '']))
  for (const { path, target = '' } of links) checkLink(path, target, targets)
}

/** What a case-insensitive, normalising file system takes for the same name. */
function fold(name: string): string {
  if (ASCII.test(name)) return name.toLowerCase()
  // Down first: a capital sharp s has no other capital, its small form is two of them.
  return name.normalize('NFD').toLowerCase().toUpperCase().toLowerCase().normalize('NFC')
}

function checkTwins(entries: readonly Named[]): void {
  const seen = new Map<string, { readonly spelling: string; readonly directory: boolean }>()
  const meet = (spelling: string, directory: boolean): void => {
    const key = fold(spelling)
    const earlier = seen.get(key)
    if (earlier === undefined) {
      seen.set(key, { spelling, directory })
    } else if (earlier.spelling !== spelling) {
      throw refusal(spelling, `the path is the same as ${earlier.spelling} where case or accents are ignored`)
    } else if (!directory || !earlier.directory) {
      throw refusal(spelling, 'the path is there twice, or as both a file and a directory')
    }
  }
  const directories = new Set<string>()
  for (const { path } of entries) {
    meet(path, false)
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const directory = path.slice(0, slash)
      if (directories.has(directory)) break
      directories.add(directory)
      meet(directory, true)
    }
  }
}

/**
 * Follows a link the way a kernel would, links on its way included, and insists that it stays inside.
 * @param targets of all links by folded path, because a name in other letters may lead to them, too
 */
function checkLink(path: string, target: string, targets: ReadonlyMap<string, string>): void {
  const problem =
    target === ''
      ? 'is empty'
      : target.startsWith('/')
        ? 'is absolute'
        : (textProblem(target) ?? lengthProblem(target))
  if (problem !== undefined) throw refusal(path, `the link's target ${problem}`)
  const walk = follow(path, target, { targetOf: (place) => targets.get(fold(place)) })
  if (walk.problem === 'leaves') throw refusal(path, 'the link leaves the tree', target)
  if (walk.problem === 'circles') throw refusal(path, 'the link leads in circles', target)
}

function lengthProblem(target: string): string | undefined {
  return byteLength(target) > LONGEST_PATH ? `is longer than ${LONGEST_PATH} bytes` : undefined
}

function refusal(path: string, message: string, found?: string): SkillsctlError {
  return new SkillsctlError('refused', message, {
    subject: path,
    found,
    hint: 'rename it in the source repository, or leave it out with --exclude',
  })
}

/** Sorts by path in byte order, the order of every list of files in our formats. */
export function byPath(left: Named, right: Named): number {
  return compareBytes(left.path, right.path)
}
