import { createHash } from 'node:crypto'
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unpackArchive } from '../../../src/archive/unpack.ts'
import { buildManifest, type Entry, type Manifest } from '../../../src/core/manifest.ts'
import { archive, gnuLong, member, pax } from '../../support/tar-forge.ts'
import { type Input, insist, type Target } from '../target.ts'

const CONTENT: Readonly<Record<string, string>> = {
  a: 'hello',
  'd/e/f.md': '# deep\n'.repeat(200),
  'd/run.sh': '#!/bin/sh\n',
  empty: '',
}
const LINKS: Readonly<Record<string, string>> = { l: 'd/run.sh', 'd/up': '../a' }

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

function manifest(): Manifest {
  const source = { commit: '0'.repeat(40), committedAt: '2026-11-20T09:00:00Z' }
  const files = Object.entries(CONTENT).map(([path, content]): Entry => {
    const integrity = `sha256-${createHash('sha256').update(content).digest('base64')}`
    return { mode: path.endsWith('.sh') ? '755' : '644', path, size: content.length, integrity }
  })
  const links = Object.entries(LINKS).map(([path, target]): Entry => ({ mode: 'link', path, target }))
  return buildManifest(
    { name: 'test', version: '2026.11.20-0000000', source, files: [...files, ...links] },
    sha256,
  )
}

function seeds(): Input[] {
  const files = Object.entries(CONTENT).map(([path, content]) => member({ path, content }))
  const links = Object.entries(LINKS).map(([path, target]) => member({ path, type: '2', target }))
  const long = [pax({ path: 'a' }), member({ path: 'x', content: 'hello' }), gnuLong('d/run.sh')]
  const named = member({ path: 'y', content: CONTENT['d/run.sh'] ?? '' })
  return [
    archive(...files, ...links),
    archive(...links, ...files.toReversed()),
    archive(...long, named, ...files.slice(1, 2), ...files.slice(3), ...links),
  ].map((bytes) => ({ kind: 'archive', format: 'tar.gz', bytes }))
}

/** What is unpacked is exactly the manifest's tree; what is refused has touched nothing outside of its directory. */
export function archiveTarget(): Target {
  const wanted = manifest()
  return {
    name: 'archive',
    codes: ['corrupt', 'refused'],
    seeds: seeds(),
    async run({ bytes }) {
      const outside = await mkdtemp(join(tmpdir(), 'skillsctl-fuzz-'))
      try {
        const inside = join(outside, 'deep', 'er', 'tree')
        await mkdir(inside, { recursive: true })
        await writeFile(join(outside, 'victim'), 'untouched')
        await writeFile(join(outside, 'archive.tar.gz'), bytes)
        const open = await openFiles()
        let refusal: unknown
        await unpackArchive(join(outside, 'archive.tar.gz'), wanted, inside).catch((error: unknown) => {
          refusal = error
        })
        await checkOutside(outside)
        insist(await areClosed(open), 'no file stays open')
        if (refusal !== undefined) throw refusal
        await checkTree(inside)
      } finally {
        await rm(outside, { recursive: true, force: true })
      }
    },
  }
}

/** A stream that is destroyed closes its file a moment later. */
async function areClosed(most: number): Promise<boolean> {
  for (let looks = 0; looks < 100; looks++) if ((await openFiles()) <= most) return true
  return false
}

async function openFiles(): Promise<number> {
  return process.platform === 'linux' ? (await readdir('/proc/self/fd')).length : 0
}

async function checkOutside(outside: string): Promise<void> {
  const names = [
    ...(await readdir(outside)),
    ...(await readdir(join(outside, 'deep'))),
    ...(await readdir(join(outside, 'deep', 'er'))),
  ]
  insist(names.sort().join(' ') === 'archive.tar.gz deep er tree victim', 'nothing is written outside')
  insist((await readFile(join(outside, 'victim'), 'utf8')) === 'untouched', 'nothing outside is changed')
}

async function checkTree(inside: string): Promise<void> {
  const found = (await readdir(inside, { recursive: true })).sort()
  insist(
    found.join(' ') === [...Object.keys(CONTENT), ...Object.keys(LINKS), 'd', 'd/e'].sort().join(' '),
    'exactly the tree',
  )
  for (const [path, content] of Object.entries(CONTENT)) {
    insist((await readFile(join(inside, path), 'utf8')) === content, `${path} has its content`)
    const executable = path.endsWith('.sh') ? 0o555 : 0o444
    insist(((await lstat(join(inside, path))).mode & 0o7777) === executable, `${path} has its mode`)
  }
  for (const [path, target] of Object.entries(LINKS))
    insist((await readlink(join(inside, path))) === target, 'a link')
}
