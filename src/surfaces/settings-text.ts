/**
 * The hooks in the settings of an agent, in the shape of Claude Code: `hooks.<event>[].hooks[].command`. A person's file,
 * so that every byte stays as it is but those of our entries.
 */
import { type Node, type ParseError, parseTree } from 'jsonc-parser'
import { SkillsctlError } from '../core/errors.ts'

export interface HookEntry {
  readonly command: string
  /** Seconds. */
  readonly timeout: number
}

/** Whether we wrote this command line. */
export type IsOurs = (command: string) => boolean

const DEFAULT_INDENT = '  '

/** Event → commands of ours. @throws SkillsctlError `corrupt` when it is not JSON of that shape */
export function hooksOf(text: string, isOurs: IsOurs, path: string): Map<string, HookEntry[]> {
  const found = new Map<string, HookEntry[]>()
  for (const { event, node } of ours(rootOf(text, path), isOurs, path)) {
    const timeout = memberOf(node, 'timeout')?.value
    const entry = { command: String(memberOf(node, 'command')?.value), timeout: Number(timeout) }
    found.set(event, [...(found.get(event) ?? []), entry])
  }
  return found
}

/** The same text with our entry added for each event. @throws SkillsctlError `corrupt` */
export function withHooks(text: string, events: readonly string[], entry: HookEntry, path: string): string {
  const group = { hooks: [{ type: 'command', ...entry }] }
  return events.reduce((before, event) => {
    const root = rootOf(before, path)
    const hooks = memberOf(root, 'hooks')
    if (hooks === undefined) return insert(before, root, 'hooks', { [event]: [group] })
    const groups = memberOf(hooks, event)
    if (groups === undefined) return insert(before, hooks, event, [group])
    return insert(before, groups, undefined, group)
  }, text)
}

/** The same text without our entries, and without what held nothing else. @throws SkillsctlError `corrupt` */
export function withoutHooks(text: string, isOurs: IsOurs, path: string): string {
  for (let rest = text; ; ) {
    const [first] = ours(rootOf(rest, path), isOurs, path)
    if (first === undefined) return rest
    rest = cutOut(rest, first.node)
  }
}

/** @throws SkillsctlError `corrupt` */
function rootOf(text: string, path: string): Node {
  const errors: ParseError[] = []
  const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false })
  const [error] = errors
  if (root?.type === 'object' && error === undefined) return root
  throw new SkillsctlError('corrupt', 'these settings are not a JSON object; they were left as they are', {
    subject: path,
    found: error === undefined ? root?.type : mistakeIn(text, error),
    hint: 'mend the file, and run the command again',
  })
}

function mistakeIn(text: string, { offset }: ParseError): string {
  if (text.trim() === '') return 'nothing'
  // No editor shows it.
  if (text.startsWith('\uFEFF')) return 'a byte order mark before it'
  return `a mistake in line ${text.slice(0, offset).split('\n').length}`
}

/** Of a name that is there twice, readers take the last. */
function memberOf(node: Node | undefined, key: string): Node | undefined {
  if (node?.type !== 'object') return undefined
  return node.children?.findLast((property) => property.children?.[0]?.value === key)?.children?.[1]
}

function ours(root: Node, isOurs: IsOurs, path: string): { event: string; node: Node }[] {
  const hooks = memberOf(root, 'hooks')
  const isMatch = (handler: Node): boolean => {
    const command: unknown = memberOf(handler, 'command')?.value
    return typeof command === 'string' && isOurs(command)
  }
  insist(hooks, 'object', 'hooks', path)
  return (hooks?.children ?? []).flatMap(({ children: [key, groups] = [] }) => {
    const event = String(key?.value)
    insist(groups, 'array', `hooks.${event}`, path)
    const handlers = (groups?.children ?? []).flatMap((group) => memberOf(group, 'hooks')?.children ?? [])
    return handlers.filter(isMatch).map((node) => ({ event, node }))
  })
}

function insist(node: Node | undefined, type: Node['type'], name: string, path: string): void {
  if (node === undefined || node.type === type) return
  throw new SkillsctlError(
    'corrupt',
    'these settings have another shape than we know; they were left as they are',
    {
      subject: path,
      expected: `${name}: an ${type}`,
      found: `an entry of type ${node.type}`,
    },
  )
}

const endOf = ({ offset, length }: Node): number => offset + length

/** Adds a last member, in the style of those that are there. */
function insert(text: string, container: Node, key: string | undefined, value: object): string {
  const name = key === undefined ? '' : `${JSON.stringify(key)}: `
  const [first] = container.children ?? []
  const last = container.children?.at(-1)
  const start = container.offset + 1
  if (first === undefined || last === undefined) {
    const outer = indentOf(text, container.offset)
    const inner = outer + unitOf(text)
    const line = (indent: string): string => `${lineEnd(text)}${indent}`
    const content = `${line(inner)}${name}${render(text, value, inner)}${line(outer)}`
    return text.slice(0, start) + content + text.slice(endOf(container) - 1)
  }
  const isOnLines = text.slice(start, first.offset).includes('\n')
  const indent = indentOf(text, first.offset)
  const content = isOnLines
    ? `,${lineEnd(text)}${indent}${name}${render(text, value, indent)}`
    : `, ${name}${JSON.stringify(value)}`
  return text.slice(0, endOf(last)) + content + text.slice(endOf(last))
}

function render(text: string, value: object, indent: string): string {
  return JSON.stringify(value, null, unitOf(text)).replaceAll('\n', `${lineEnd(text)}${indent}`)
}

function lineEnd(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n'
}

/** White space at the start of the line in which this is. */
function indentOf(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset)
  return /^[ \t]*/.exec(line)?.[0] ?? ''
}

function unitOf(text: string): string {
  return /^\s*\{[ \t]*\r?\n([ \t]+)"/.exec(text)?.[1] ?? DEFAULT_INDENT
}

/** Removes a node with everything that would hold nothing without it. */
function cutOut(text: string, node: Node): string {
  let gone = node
  while (gone.parent?.parent !== undefined && (gone.parent.type === 'property' || isAlone(gone)))
    gone = gone.parent
  const siblings = gone.parent?.children ?? []
  const index = siblings.indexOf(gone)
  const [before, after] = [siblings[index - 1], siblings[index + 1]]
  if (before !== undefined) return text.slice(0, endOf(before)) + text.slice(endOf(gone))
  if (after !== undefined) return text.slice(0, gone.offset) + text.slice(after.offset)
  // The last one of all: what is left is an empty object.
  const { offset, length } = gone.parent ?? gone
  return `${text.slice(0, offset)}{}${text.slice(offset + length)}`
}

/** A group of hooks may say more than which: it goes with its last hook, as does a list. */
function isAlone(node: Node): boolean {
  const { parent } = node
  if (parent?.type === 'array') return parent.children?.length === 1
  if (parent?.type !== 'object') return false
  return parent.children?.length === 1 || isGroup(parent, node)
}

function isGroup(object: Node, property: Node): boolean {
  return object.parent?.type === 'array' && property.children?.[0]?.value === 'hooks'
}
