import { createHash } from 'node:crypto'
import { canonicalJson } from '../../../src/core/canonical.ts'
import {
  buildManifest,
  type Entry,
  parseManifest,
  serializeManifest,
  treeLines,
} from '../../../src/core/manifest.ts'
import { byPath } from '../../../src/core/paths.ts'
import { type Input, insist, type Target } from '../target.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const integrity = (content: string): string =>
  `sha256-${createHash('sha256').update(content).digest('base64')}`
const file = (path: string, mode: '644' | '755' = '644'): Entry => ({
  mode,
  path,
  size: path.length,
  integrity: integrity(path),
})

const FILES: readonly Entry[] = [
  file('README.md'),
  file('skills/a/SKILL.md'),
  file('skills/a/run.sh', '755'),
  file('skills/é/日本/\u{1f600}.md'),
  { mode: 'link', path: 'docs/latest', target: '../skills/a' },
  { mode: 'link', path: 'l', target: 'docs/latest/SKILL.md' },
]
const PARTS = {
  name: 'acme-skills',
  version: '2026.11.20-3f2a9c1',
  source: { commit: '3f2a9c1d'.repeat(5), committedAt: '2026-11-20T09:00:00Z' },
}

/** Kind `rehash`: order, tree hash and spelling are made right after the mutation, so that what lies behind is met, too. */
export function manifestTarget(): Target {
  const bytes = Buffer.from(serializeManifest(buildManifest({ ...PARTS, files: FILES }, sha256)))
  const empty = Buffer.from(serializeManifest(buildManifest({ ...PARTS, files: [] }, sha256)))
  return {
    name: 'manifest',
    codes: ['corrupt', 'refused', 'unsupported'],
    seeds: [bytes, empty].flatMap((seed) =>
      ['plain', 'rehash'].map((kind): Input => ({ kind, format: 'json', bytes: seed })),
    ),
    run({ kind, bytes }) {
      const text = kind === 'rehash' ? rehashed(bytes.toString('utf8')) : bytes.toString('utf8')
      const manifest = parseManifest(text, sha256)
      const written = serializeManifest(manifest)
      insist(
        written === serializeManifest(parseManifest(written, sha256)),
        'a manifest reads back as it was written',
      )
      const { length } = written
      insist(length <= text.length, 'nothing is written that was not read')
      if (length === text.length) insist(written === text, 'an accepted manifest is canonical')
      for (const { path } of manifest.files) insist(isInside(path), `no path leaves the tree: ${path}`)
    },
  }
}

/** Judged in another way than the product does. */
function isInside(path: string): boolean {
  const names = path.split('/')
  return !names.some((name) => ['', '.', '..'].includes(name)) && !/[\\\u0000-\u001f]/.test(path)
}

/** Sorted, hashed and spelled as it should be. */
function rehashed(text: string): string {
  try {
    const fields = JSON.parse(text)
    fields.files.sort(byPath)
    fields.tree = `sha256:${sha256(treeLines(fields.files))}`
    return `${canonicalJson(fields)}\n`
  } catch {
    // Files that cannot even be listed: as good as they are.
    return text
  }
}
