import { createHash } from 'node:crypto'
import {
  buildManifest,
  type Entry,
  parseManifest,
  serializeManifest,
  treeLines,
} from '../../../src/core/manifest.ts'
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

/** Kind `rehash`: the tree hash is made right after the mutation, so that what lies behind it is met as well. */
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
      const known = ['files', 'format', 'name', 'source', 'tree', 'version']
      const fields: Readonly<Record<string, unknown>> = JSON.parse(text)
      if (
        Object.keys(fields).every((key) => known.includes(key)) &&
        !hasUnknown(fields, manifest.files.length)
      )
        insist(written === text, 'an accepted manifest is canonical')
      for (const { path } of manifest.files) insist(isInside(path), `no path leaves the tree: ${path}`)
    },
  }
}

/** Whether anything below the top has a field that we do not write. */
function hasUnknown({ files, source }: Readonly<Record<string, unknown>>, count: number): boolean {
  const fields = [source, ...(Array.isArray(files) ? files.slice(0, count) : [])]
  const known = ['commit', 'committedAt', 'mode', 'path', 'size', 'integrity', 'target']
  const isLink = (value: object): boolean => 'mode' in value && value.mode === 'link'
  return fields.some(
    (value) =>
      typeof value !== 'object' ||
      value === null ||
      Object.keys(value).some((key) => !known.includes(key)) ||
      (isLink(value) ? 'size' in value || 'integrity' in value : 'target' in value),
  )
}

/** Judged in another way than the product does. */
function isInside(path: string): boolean {
  const names = path.split('/')
  return !names.some((name) => ['', '.', '..'].includes(name)) && !/[\\\u0000-\u001f]/.test(path)
}

function rehashed(text: string): string {
  try {
    const fields = JSON.parse(text)
    return text.replace(/"sha256:[^"]*"/, JSON.stringify(`sha256:${sha256(treeLines(fields.files))}`))
  } catch {
    // Files that cannot even be listed: as good without.
    return text
  }
}
