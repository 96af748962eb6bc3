/**
 * Catch-up bundles, which nobody signs and a machine reads before anything else. Kinds: `bytes` as they lie in the
 * store; `index`, its JSON, packed with the right bodies; `pull`, an index in the store that a machine pulls from.
 */
import { cp, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { decodeCatchup } from '../../../src/archive/catchup.ts'
import type { Base } from '../../../src/archive/copy-tree.ts'
import { patchManifest } from '../../../src/core/catchup.ts'
import { type Manifest, parseManifest } from '../../../src/core/manifest.ts'
import { pull } from '../../../src/flows/pull.ts'
import { layoutOf, manifestPath } from '../../../src/home/layout.ts'
import { currentRelease } from '../../../src/home/releases.ts'
import { integrityOf, sha256Hex } from '../../../src/trust/digest.ts'
import { MemoryStore } from '../../support/memory-store.ts'
import { buildNextTree } from '../../support/next-tree.ts'
import { bodyOf, createTeam, type Team, type TestMachine } from '../../support/team.ts'
import { insist, type Target } from '../target.ts'

const TEXT = Array.from({ length: 200 }, (_, line) => `line ${line} of a skill\n`).join('')
const BEFORE = { 'a/SKILL.md': TEXT, 'a/run.sh': '#!/bin/sh\n', 'b/old.md': `${TEXT}old\n`, 'c.md': 'gone\n' }
const AFTER = {
  'a/SKILL.md': TEXT.replace('line 100', 'LINE 100'),
  'b/old.md': null,
  'b/new.md': `${TEXT}old\n`,
  'c.md': null,
  'd.md': 'new\n',
}

export async function catchupTarget(): Promise<Target> {
  const team = await createTeam()
  await team.ship(BEFORE)
  const machine = await team.joined()
  await team.ship(AFTER)
  const base = baseOf(machine)
  const key = await keyOf(team)
  const bundle = await bodyOf(team.store, key)
  const { index, bodies } = split(bundle)
  const wanted = await nextManifest(team, machine)
  return {
    name: 'catchup',
    codes: ['corrupt', 'refused', 'unsupported'],
    seeds: [
      { kind: 'bytes', format: 'bytes', bytes: bundle },
      { kind: 'index', format: 'json', bytes: index },
      { kind: 'pull', format: 'json', bytes: index },
    ],
    async run({ kind, bytes }) {
      const made = kind === 'bytes' ? bytes : packed(bytes, bodies)
      if (kind === 'pull') return checkPull(team, machine, key, made, wanted)
      const catchup = decodeCatchup(made)
      const before = JSON.parse(await readFile(manifestPath(machine.layout, base.name), 'utf8'))
      // What comes out counts only if its digest is the signed one; parsing it is what happens next.
      const text = patchManifest(before, catchup.manifest)
      if (sha256Hex(text) === sha256Hex(wanted.text)) await checkAssembly(catchup, base, wanted.manifest)
      else parseManifest(text, sha256Hex)
    },
  }
}

/** Whatever the bundle says, the machine ends with the new release, every byte of it. */
async function checkPull(
  team: Team,
  machine: TestMachine,
  key: string,
  bundle: Buffer,
  { manifest }: Wanted,
): Promise<void> {
  const store = new MemoryStore({ now: team.clock.now })
  for await (const { key: name } of team.store.list(''))
    await store.touch(name, await bodyOf(team.store, name))
  await store.touch(key, bundle)
  await inside(async (directory) => {
    const layout = layoutOf(join(directory, 'home'))
    await cp(machine.layout.root, layout.root, {
      recursive: true,
      verbatimSymlinks: true,
      preserveTimestamps: true,
    })
    const report = await pull({ ...machine.context, layout, openStore: async () => store })
    if (report.problem !== undefined) throw report.problem
    insist(report.outcome === 'updated', 'a bad bundle costs requests, not the update')
    await checkTree(layout.current, manifest)
  })
}

async function checkAssembly(
  catchup: ReturnType<typeof decodeCatchup>,
  base: Base,
  manifest: Manifest,
): Promise<void> {
  await inside(async (directory) => {
    const tree = join(directory, 'tree')
    await mkdir(tree)
    if (buildNextTree(tree, manifest, catchup, base)) await checkTree(tree, manifest)
    insist((await readdir(directory)).join() === 'tree', 'nothing is written outside')
  })
}

async function checkTree(tree: string, { files }: Manifest): Promise<void> {
  const found = await readdir(`${tree}/`, { recursive: true, withFileTypes: true })
  insist(
    found.filter((entry) => !entry.isDirectory()).length === files.length,
    'exactly the files of the manifest',
  )
  for (const entry of files) {
    const path = join(tree, entry.path)
    if (entry.mode === 'link') insist((await readlink(path)) === entry.target, 'a link is what it should be')
    else {
      insist(integrityOf(await readFile(path)) === entry.integrity, `${entry.path} is what was signed`)
      insist(((await lstat(path)).mode & 0o777) === (entry.mode === '755' ? 0o555 : 0o444), 'modes are right')
    }
  }
}

async function inside(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'skillsctl-fuzz-'))
  try {
    await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function baseOf({ layout }: TestMachine): Base & { readonly name: string } {
  const release = currentRelease(layout)
  if (release === undefined) throw new Error('nothing is installed')
  const directory = join(layout.releases, release.directory)
  return { directory, manifest: release.content, isUntouched: () => true, name: release.directory }
}

/** The bundle that starts from what was shipped first. */
async function keyOf({ store }: Team): Promise<string> {
  const keys: string[] = []
  for await (const { key } of store.list('catchup/stable/')) keys.push(key)
  const key = keys.sort().findLast((name) => !name.endsWith('/none'))
  if (key === undefined) throw new Error('no bundle was written')
  return key
}

interface Wanted {
  readonly manifest: Manifest
  readonly text: string
}

async function nextManifest({ store }: Team, machine: TestMachine): Promise<Wanted> {
  const installed = currentRelease(machine.layout)?.manifest
  for await (const { key } of store.list('targets/stable/')) {
    if (installed !== undefined && key.includes(installed)) continue
    const text = (await bodyOf(store, key)).toString('utf8')
    return { text, manifest: parseManifest(text, sha256Hex) }
  }
  throw new Error('nothing new was published')
}

function split(bundle: Buffer): { readonly index: Buffer; readonly bodies: Buffer } {
  const start = bundle.indexOf(10) + 1
  const end = start + Number(bundle.toString('latin1', 0, start).split(' ')[1])
  return { index: inflateRawSync(bundle.subarray(start, end)), bodies: bundle.subarray(end) }
}

function packed(index: Buffer, bodies: Buffer): Buffer {
  const deflated = deflateRawSync(index, { level: 1 })
  return Buffer.concat([Buffer.from(`skillsctl-catchup/1 ${deflated.length}\n`), deflated, bodies])
}
