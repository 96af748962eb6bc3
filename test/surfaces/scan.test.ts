/**
 * The simulated scan against what agents do: they were seen to list this, and `npm run test:agents` looks again.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SCAN_RULES, type ScanRules } from '../../src/core/scan-rules.ts'
import { type Seen, scanPlaces } from '../../src/surfaces/scan.ts'

const head = (fields: string): string => `---\n${fields}\n---\nbody\n`

/** Path below the place → content; a link in `->`. */
const LAYOUT = {
  'plain/SKILL.md': head('name: plain\ndescription: d'),
  'noname/SKILL.md': head('description: d'),
  'othername/SKILL.md': head('name: different\ndescription: d'),
  'nodesc/SKILL.md': head('name: nodesc'),
  'nohead/SKILL.md': '# Title\n\nText.\n',
  'badyaml/SKILL.md': head('name: badyaml\ndescription: [unclosed'),
  'list/SKILL.md': head('name: list\ndescription: [one, two]'),
  'void/SKILL.md': head('name: void\ndescription: ""'),
  '.dotted/SKILL.md': head('name: dotted\ndescription: d'),
  'nest/inner/SKILL.md': head('name: inner\ndescription: d'),
  'outer/SKILL.md': head('name: outer\ndescription: d'),
  'outer/sub/SKILL.md': head('name: sub\ndescription: d'),
  'UpperCase/SKILL.md': head('name: UpperCase\ndescription: d'),
  'with space/SKILL.md': head('name: with space\ndescription: d'),
  'empty/SKILL.md': '',
  'mark/SKILL.md': `\ufeff${head('name: mark\ndescription: d')}`,
  'long/SKILL.md': head(`name: long\ndescription: ${'x'.repeat(1025)}`),
  'odd/SKILL.md/file': '',
  'loose.md': head('name: loose\ndescription: d'),
  foo: '-> ../real/foo',
  dangling: '-> /nowhere',
  loop: '-> .',
  'onelink/SKILL.md': '-> ../../real/one/SKILL.md',
}

const LISTED: [preset: string, names: string[]][] = [
  [
    'claude-code',
    [
      '.dotted',
      'UpperCase',
      'badyaml',
      'empty',
      'foo',
      'list',
      'long',
      'mark',
      'nodesc',
      'nohead',
      'noname',
      'onelink',
      'othername',
      'outer',
      'plain',
      'void',
      'with space',
    ],
  ],
  [
    'codex',
    ['UpperCase', 'badyaml', 'different', 'foo', 'inner', 'noname', 'outer', 'plain', 'sub', 'with space'],
  ],
  [
    'gemini-cli',
    [
      'UpperCase',
      'badyaml',
      'different',
      'foo',
      'list',
      'long',
      'one',
      'outer',
      'plain',
      'void',
      'with space',
    ],
  ],
  [
    'opencode',
    [
      'UpperCase',
      'different',
      'dotted',
      'foo',
      'inner',
      'long',
      'mark',
      'one',
      'outer',
      'plain',
      'sub',
      'void',
      'with space',
    ],
  ],
]

describe('a scan', () => {
  let root: string
  beforeAll(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'scan-')))
    const files = {
      'real/foo/SKILL.md': head('name: foo\ndescription: d'),
      'real/one/SKILL.md': head('name: one\ndescription: d'),
      ...Object.fromEntries(Object.entries(LAYOUT).map(([path, content]) => [`skills/${path}`, content])),
    }
    for (const [path, content] of Object.entries(files)) await put(join(root, path), content)
  })
  afterAll(() => rm(root, { recursive: true }))

  it.each(LISTED)('by the rules of %s lists what it lists', (preset, names) => {
    const { seen, isComplete } = scanPlaces(rulesOf(preset), [join(root, 'skills')])
    expect({ names: listed(seen), isComplete }).toEqual({ names, isComplete: true })
  })

  it('counts a file that two places show once, where the agent does', () => {
    const [mine, theirs] = [join(root, 'real'), join(root, 'skills')]
    const codex = scanPlaces(rulesOf('codex'), [mine, theirs])
    expect(codex.seen.get(join(mine, 'foo'))?.leftOut).toBeUndefined()
    expect(listed(codex.seen).filter((name) => name === 'foo')).toEqual(['foo'])
    const cursor = scanPlaces(rulesOf('cursor'), [mine, theirs])
    expect(listed(cursor.seen).filter((name) => name === 'foo')).toEqual(['foo', 'foo'])
  })

  it('gives a name to the stronger place, where the agent does', async () => {
    const [strong, weak] = [join(root, 'strong'), join(root, 'weak')]
    for (const place of [strong, weak])
      await put(join(place, 'twin/SKILL.md'), head(`name: twin\ndescription: ${place}`))
    const claude = scanPlaces(rulesOf('claude-code'), [strong, weak])
    expect(claude.seen.get(join(weak, 'twin'))?.leftOut?.by?.path).toBe(join(strong, 'twin'))
    expect(listed(scanPlaces(rulesOf('codex'), [strong, weak]).seen)).toEqual(['twin', 'twin'])
  })

  it.each(['codex', 'gemini-cli', 'opencode'])(
    'of two links to one skill finds both, as %s does',
    async (preset) => {
      const place = join(root, `links-${preset}`)
      for (const name of ['again', 'foo']) await put(join(place, name), `-> ${join(root, 'real/foo')}`)
      await put(join(place, 'again-and-again'), '-> .')
      const { seen } = scanPlaces(rulesOf(preset), [place])
      expect(listed(seen)).toEqual(['foo'])
      expect(seen.get(join(place, 'foo'))?.leftOut?.by?.path).toBe(join(place, 'again'))
    },
  )

  it('does not decide between two skills of one name in one place', async () => {
    const place = join(root, 'tie')
    for (const name of ['copy', 'plan'])
      await put(join(place, name, 'SKILL.md'), head(`name: plan\ndescription: ${name}`))
    expect(listed(scanPlaces(rulesOf('opencode'), [place]).seen)).toEqual(['plan', 'plan'])
  })

  it('gives up at 2,000 directories, and says so', async () => {
    const many = join(root, 'many')
    for (let index = 0; index <= 2000; index++) await mkdir(join(many, String(index)), { recursive: true })
    expect(scanPlaces(rulesOf('claude-code'), [many]).isComplete).toBe(false)
  })

  it('waits for no pipe, and leaves out what it may not read', async () => {
    const odd = join(root, 'odd')
    await mkdir(join(odd, 'pipe'), { recursive: true })
    await promisify(execFile)('mkfifo', [join(odd, 'pipe/SKILL.md')])
    const { seen } = scanPlaces(rulesOf('claude-code'), [odd])
    expect(seen.get(join(odd, 'pipe'))?.leftOut?.reason).toBe('its SKILL.md cannot be read')
  })

  it('of a place that is not there, or is a file, finds nothing', () => {
    for (const place of [join(root, 'nowhere'), join(root, 'skills/loose.md')])
      expect(scanPlaces(rulesOf('codex'), [place]).seen.size).toBe(0)
  })
})

async function put(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  if (content.startsWith('-> ')) await symlink(content.slice(3), path)
  else await writeFile(path, content)
}

function rulesOf(preset: string): ScanRules {
  const rules = SCAN_RULES.find((row) => row.preset === preset)
  if (rules === undefined) throw new Error(`no row for ${preset}`)
  return rules
}

function listed(seen: ReadonlyMap<string, Seen>): string[] {
  return [...seen.values()].flatMap(({ name, leftOut }) => (leftOut === undefined ? [name] : [])).sort()
}
