/**
 * What differs between two versions of a file, in git's format: `git apply` takes it. Lines are made of bytes (lines.ts),
 * so that whatever a file holds is passed on as it is; whoever prints them on a terminal takes care of that.
 */
import { changesOf, type LineChange } from './line-changes.ts'
import { byteString, isText, linesOf, utf8Of } from './lines.ts'

export interface FileVersion {
  readonly path: string
  readonly mode: '644' | '755' | 'link'
  /** Of a link, where it leads. */
  readonly bytes: Uint8Array
}

export interface DiffLine {
  readonly kind: 'header' | 'hunk' | 'same' | 'removed' | 'added'
  /** One code unit a byte, without a newline. */
  readonly text: string
}

/** Lines around a change. */
const CONTEXT = 3
const LONGEST_HEADING = 80

/** Empty when both are the same. One of them is undefined for a file that was added or deleted. */
export function unifiedDiff(before: FileVersion | undefined, after: FileVersion | undefined): DiffLine[] {
  if (before !== undefined && after !== undefined && (before.mode === 'link') !== (after.mode === 'link'))
    return [...unifiedDiff(before, undefined), ...unifiedDiff(undefined, after)]
  const name = before?.path ?? after?.path
  if (name === undefined) return []
  const from = quoted(`a/${name}`)
  const to = quoted(`b/${after?.path ?? name}`)
  const modes = modeLines(before, after)
  const content = contentLines(before, after, from, to)
  if (modes.length === 0 && content.length === 0) return []
  return [header(`diff --git ${from} ${to}`), ...modes.map(header), ...content]
}

function header(text: string): DiffLine {
  return { kind: 'header', text }
}

function modeLines(before: FileVersion | undefined, after: FileVersion | undefined): string[] {
  if (before === undefined) return after === undefined ? [] : [`new file mode ${gitMode(after)}`]
  if (after === undefined) return [`deleted file mode ${gitMode(before)}`]
  const modes =
    before.mode === after.mode ? [] : [`old mode ${gitMode(before)}`, `new mode ${gitMode(after)}`]
  if (before.path === after.path) return modes
  return [...modes, `rename from ${quoted(before.path)}`, `rename to ${quoted(after.path)}`]
}

function gitMode({ mode }: FileVersion): string {
  return mode === 'link' ? '120000' : `100${mode}`
}

function contentLines(
  before: FileVersion | undefined,
  after: FileVersion | undefined,
  from: string,
  to: string,
): DiffLine[] {
  const [old, now] = [before?.bytes ?? NOTHING, after?.bytes ?? NOTHING]
  const names = [before === undefined ? '/dev/null' : from, after === undefined ? '/dev/null' : to] as const
  if (!isText(old) || !isText(now))
    return isEqual(old, now) ? [] : [header(`Binary files ${names[0]} and ${names[1]} differ`)]
  const hunks = hunkLines(linesOf(old), linesOf(now))
  if (hunks.length === 0) return []
  return [header(`--- ${ended(names[0])}`), header(`+++ ${ended(names[1])}`), ...hunks]
}

const NOTHING = new Uint8Array()

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index])
}

/** A tab ends a name with a space in it. */
function ended(name: string): string {
  return name.includes(' ') && !name.startsWith('"') ? `${name}\t` : name
}

function hunkLines(before: readonly string[], after: readonly string[]): DiffLine[] {
  const everything = [{ from: 0, to: before.length, start: 0, end: after.length }]
  const lines: DiffLine[] = []
  let [heading, looked] = ['', 0]
  for (const changes of inHunks(changesOf(before, after) ?? everything)) {
    const hunk = hunkOf(changes, before, after)
    heading = headingIn(before.slice(looked, hunk.from)) ?? heading
    looked = hunk.from
    lines.push({ kind: 'hunk', text: `${hunk.head}${heading}` }, ...hunk.lines)
  }
  return lines
}

/** Changes with common context are shown together. */
function inHunks(changes: readonly LineChange[]): LineChange[][] {
  const hunks: LineChange[][] = []
  for (const change of changes) {
    const hunk = hunks.at(-1)
    const last = hunk?.at(-1)
    if (hunk === undefined || last === undefined || change.from - last.to > 2 * CONTEXT) hunks.push([change])
    else hunk.push(change)
  }
  return hunks
}

function hunkOf(changes: readonly LineChange[], before: readonly string[], after: readonly string[]) {
  const [first, last] = [changes[0], changes.at(-1)]
  if (first === undefined || last === undefined) throw new RangeError('a hunk has changes')
  const [leading, trailing] = [Math.min(CONTEXT, first.from), Math.min(CONTEXT, before.length - last.to)]
  const [from, to] = [first.from - leading, last.to + trailing]
  const head = `@@ -${range(from, to)} +${range(first.start - leading, last.end + trailing)} @@`
  const lines: DiffLine[] = []
  let done = from
  for (const change of changes) {
    lines.push(...marked('same', ' ', before.slice(done, change.from)))
    lines.push(...marked('removed', '-', before.slice(change.from, change.to)))
    lines.push(...marked('added', '+', after.slice(change.start, change.end)))
    done = change.to
  }
  lines.push(...marked('same', ' ', before.slice(done, to)))
  return { from, head, lines }
}

/** Counted from one; of no lines, the one before them. */
function range(from: number, to: number): string {
  const count = to - from
  return count === 1 ? `${from + 1}` : `${count === 0 ? from : from + 1},${count}`
}

/** The last line that begins with a letter tells where we are, as git has it. */
function headingIn(lines: readonly string[]): string | undefined {
  const line = lines.findLast((one) => /^[A-Za-z_$]/.test(one))
  return line && ` ${line.slice(0, LONGEST_HEADING).replace(/[\t-\r ]+$/, '')}`
}

function marked(kind: DiffLine['kind'], mark: string, lines: readonly string[]): DiffLine[] {
  return lines.flatMap((line): DiffLine[] =>
    line.endsWith('\n')
      ? [{ kind, text: `${mark}${line.slice(0, -1)}` }]
      : [
          { kind, text: `${mark}${line}` },
          { kind: 'header', text: '\\ No newline at end of file' },
        ],
  )
}

const ESCAPES: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n', '"': '\\"', '\\': '\\\\' }

/** Names that would be misread are quoted as in C. Letters of any language stay letters, as with `core.quotePath=false`. */
function quoted(name: string): string {
  const octal = (character: string): string => `\\${character.charCodeAt(0).toString(8).padStart(3, '0')}`
  const escaped = name.replace(/[\u0000-\u001f\u007f"\\]/g, (one) => ESCAPES[one] ?? octal(one))
  return byteString(utf8Of(escaped === name ? name : `"${escaped}"`))
}
