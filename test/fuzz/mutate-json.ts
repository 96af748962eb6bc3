/**
 * Mutations that keep JSON well-formed while saying what no honest writer would: duplicate keys, deep nesting,
 * numbers beyond their range, `__proto__`, lone surrogates. A tree of its own, because a parsed value has already
 * lost duplicate keys and the spelling of numbers.
 */
import type { Random } from './random.ts'

type Node = ObjectNode | ListNode | Leaf
interface ObjectNode {
  readonly kind: 'object'
  members: [key: string, value: Node][]
}
interface ListNode {
  readonly kind: 'list'
  items: Node[]
}
/** Anything else, as it is spelled. */
interface Leaf {
  readonly kind: 'leaf'
  readonly text: string
}

const leaf = (text: string): Leaf => ({ kind: 'leaf', text })

const KEYS = [
  '__proto__',
  'constructor',
  'toString',
  'valueOf',
  'toJSON',
  'length',
  'then',
  '',
  '0',
  'format',
]
const LEAVES = [
  ...['null', 'true', '0', '-0', '-1', '1', '1.5', '1e3', '1e999', '-1e999', '5e-324', '9007199254740991'],
  ...[
    '9007199254740992',
    '9007199254740993',
    '1e21',
    '""',
    '"\\u0000"',
    '"\\ud800"',
    '"\\udc00x"',
    '"a\\nb"',
  ],
  ...['"../x"', '"/etc/passwd"', '"__proto__"', '"\\u001b]0;x\\u0007"', '"sha256-"', '"NaN"', '"\\u2028"'],
  ...['{}', '[]', '[[]]', '{"toString":1,"valueOf":1}', '{"__proto__":{"polluted":true}}', '{"length":-1}'],
  ...['{"toJSON":1}', '{"constructor":{"prototype":{"polluted":true}}}', '"never"', '"9999-12-31T23:59:59Z"'],
]

/** Deeper JSON is not looked into: our own recursion ends somewhere, too. */
const DEEPEST = 100
/** Characters that one mutation may add by repeating. */
const MOST_REPEATED = 100_000

/** @returns undefined when the bytes are no JSON, or nested too deep */
export function mutateJson(bytes: Buffer, random: Random): Buffer | undefined {
  const root = parse(bytes)
  if (root === undefined) return undefined
  const holder: ListNode = { kind: 'list', items: [root] }
  for (let count = 1 + random.size(4); count > 0; count--) mutateOne(holder, random)
  return Buffer.from(holder.items.map(render).join(''))
}

function parse(bytes: Buffer): Node | undefined {
  try {
    return nodeOf(JSON.parse(bytes.toString('utf8')), DEEPEST)
  } catch {
    // Left to the mutations of bytes.
    return undefined
  }
}

function nodeOf(value: unknown, room: number): Node {
  if (room === 0) throw new RangeError('nested too deep')
  if (Array.isArray(value)) return { kind: 'list', items: value.map((item) => nodeOf(item, room - 1)) }
  if (typeof value !== 'object' || value === null) return leaf(JSON.stringify(value))
  const members = Object.entries(value).map(([key, item]): [string, Node] => [key, nodeOf(item, room - 1)])
  return { kind: 'object', members }
}

function render(node: Node): string {
  if (node.kind === 'leaf') return node.text
  if (node.kind === 'list') return `[${node.items.map(render).join(',')}]`
  return `{${node.members.map(([key, value]) => `${JSON.stringify(key)}:${render(value)}`).join(',')}}`
}

/** A place in the tree: what is there, and putting something else there (nothing, one node or several). */
interface Slot {
  readonly node: Node
  readonly key?: string
  replace(...nodes: readonly (readonly [key: string, value: Node])[]): void
}

function slots(node: Node, found: Slot[] = []): Slot[] {
  if (node.kind === 'list') {
    node.items.forEach((item, index) => {
      found.push({
        node: item,
        replace: (...nodes) => node.items.splice(index, 1, ...nodes.map(([, value]) => value)),
      })
      slots(item, found)
    })
  } else if (node.kind === 'object') {
    node.members.forEach(([key, value], index) => {
      found.push({
        node: value,
        key,
        replace: (...nodes) =>
          node.members.splice(index, 1, ...nodes.map(([k, v]): [string, Node] => [k, v])),
      })
      slots(value, found)
    })
  }
  return found
}

function mutateOne(holder: ListNode, random: Random): void {
  const all = slots(holder)
  if (all.length === 0) return
  const { node, key = random.pick(KEYS), replace } = random.pick(all)
  // As text, so that no node ever lies within itself.
  const other = leaf(render(random.pick(all).node))
  const choice = random.below(12)
  if (choice <= 3) replace([key, leaf(random.pick(LEAVES))])
  else if (choice === 4) replace([key, node], [key, random.oneIn(2) ? leaf(random.pick(LEAVES)) : other])
  else if (choice === 5) replace([key, leaf(random.pick(LEAVES))], [key, node])
  else if (choice === 6 && all.length > 1) replace()
  else if (choice === 7) replace([random.pick(KEYS), node])
  else if (choice === 8) replace([key, other])
  else if (choice === 9) replace([key, nested(node, random)])
  else if (choice === 10)
    replace(...Array<[string, Node]>(repeats(node, random)).fill([key, leaf(render(node))]))
  else replace([key, tweaked(node, random)])
}

function repeats(node: Node, random: Random): number {
  return Math.min(random.size(random.oneIn(5) ? 5_000 : 5), Math.floor(MOST_REPEATED / render(node).length))
}

function nested(node: Node, random: Random): Node {
  const depth = random.pick([1, 2, 30, 5_000, 20_000])
  if (random.oneIn(2)) return leaf('['.repeat(depth) + render(node) + ']'.repeat(depth))
  return leaf('{"a":'.repeat(depth) + render(node) + '}'.repeat(depth))
}

/** Nearly the same: off by one, one more character, another member. */
function tweaked(node: Node, random: Random): Node {
  if (node.kind === 'object') {
    return { kind: 'object', members: [...node.members, [random.pick(KEYS), leaf(random.pick(LEAVES))]] }
  }
  if (node.kind === 'list') return { kind: 'list', items: [...node.items, leaf(random.pick(LEAVES))] }
  const value: unknown = readLeaf(node)
  if (typeof value === 'number') {
    return leaf(
      random.pick([`${value + 1}`, `${value - 1}`, `-${value}`, `${value}.0`, `${value}e0`, `"${value}"`]),
    )
  }
  if (typeof value !== 'string') return leaf(random.pick(LEAVES))
  const place = random.below(value.length + 1)
  const piece = random.pick([
    '\0',
    '\n',
    ' ',
    '/',
    '\\',
    '.',
    '\ud800',
    'é',
    '\u202e',
    'A',
    '0',
    '='.repeat(3000),
  ])
  const cut = random.pick([0, 1, 1, value.length])
  return leaf(JSON.stringify(value.slice(0, place) + piece + value.slice(place + cut)))
}

function readLeaf({ text }: Leaf): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // A value that an earlier mutation put here as text.
    return undefined
  }
}
