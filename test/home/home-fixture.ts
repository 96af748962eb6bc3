/** A home in a temp directory, and releases put into it the way a pull does. */
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buildManifest, type Entry, type Manifest, serializeManifest } from '../../src/core/manifest.ts'
import { removeTree } from '../../src/disk/remove-tree.ts'
import { createHome, type Layout, layoutOf } from '../../src/home/layout.ts'
import { placeRelease, type Staged } from '../../src/home/place.ts'
import type { Installed } from '../../src/home/releases.ts'
import { openStaging } from '../../src/home/staging.ts'

export interface TestHome {
  readonly layout: Layout
  /** Installs a release of these files; a target in `{ link }`, an executable in `{ run }`. */
  install(files: Files, details?: { readonly commit?: string; readonly name?: string }): Promise<Installed>
  stage(files: Files, details?: { readonly commit?: string; readonly name?: string }): Promise<Staged>
  remove(): Promise<void>
}

type Files = Readonly<Record<string, string | { readonly run: string } | { readonly link: string }>>

export const COMMIT = '3f2a9c1d'.repeat(5)

export async function createTestHome(): Promise<TestHome> {
  const root = await mkdtemp(join(tmpdir(), 'home-'))
  const layout = layoutOf(root)
  await createHome(layout)
  const stage: TestHome['stage'] = async (files, { commit = COMMIT, name = 'test' } = {}) => {
    const { tree } = await openStaging(layout)
    for (const [path, content] of Object.entries(files)) await writeEntry(join(tree, path), content)
    const manifest = manifestOf(files, commit, name)
    return { tree, manifest, manifestBytes: Buffer.from(serializeManifest(manifest)) }
  }
  return {
    layout,
    stage,
    install: async (files, details) => {
      const staged = await stage(files, details)
      return { ...(await placeRelease(layout, staged)), content: staged.manifest }
    },
    remove: () => removeTree(root),
  }
}

async function writeEntry(path: string, content: Files[string]): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  if (typeof content === 'object' && 'link' in content) return symlink(content.link, path)
  await writeFile(path, typeof content === 'string' ? content : content.run)
  await chmod(path, typeof content === 'string' ? 0o444 : 0o555)
}

function manifestOf(files: Files, commit: string, name: string): Manifest {
  const entries = Object.entries(files).map(([path, content]): Entry => {
    if (typeof content === 'object' && 'link' in content) return { mode: 'link', path, target: content.link }
    const text = typeof content === 'string' ? content : content.run
    const integrity = `sha256-${createHash('sha256').update(text).digest('base64')}`
    return {
      mode: typeof content === 'string' ? '644' : '755',
      path,
      size: Buffer.byteLength(text),
      integrity,
    }
  })
  const source = { commit, committedAt: '2026-11-20T09:00:00Z' }
  return buildManifest(
    { name, version: `2026.11.20-${commit.slice(0, 7)}`, source, files: entries },
    (text) => createHash('sha256').update(text).digest('hex'),
  )
}
