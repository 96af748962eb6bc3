/**
 * Whoever writes to the bucket writes bundles as it likes. Nobody trusts them (SPEC.md, "Catch-up"): each of these
 * ends in the right release, through the objects that signed metadata names.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { decodeCatchup } from '../../src/archive/catchup.ts'
import { encodeWhole } from '../../src/archive/delta.ts'
import { catchupKey, patchManifest, serializeIndex } from '../../src/core/catchup.ts'
import { isError } from '../../src/core/errors.ts'
import { type Manifest, parseManifest } from '../../src/core/manifest.ts'
import { manifestPath, statPath } from '../../src/home/layout.ts'
import { currentRelease, type Installed } from '../../src/home/releases.ts'
import { recordStats } from '../../src/home/stat-record.ts'
import { integrityOf, sha256Hex } from '../../src/trust/digest.ts'
import { signedPart, signMetadata } from '../../src/trust/metadata.ts'
import { buildNextTree } from '../support/next-tree.ts'
import {
  bodyOf,
  CANARY,
  createTeam,
  newSigner,
  STABLE,
  type Team,
  type TestMachine,
  temporaryDirectory,
} from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'
const files = (word: string) => ({ [SKILL]: `${word}\nand more\n`, 'skills/b/SKILL.md': 'b\n' })

interface Scene {
  readonly team: Team
  /** A home that runs "one"; the truth is at "two". */
  readonly home: string
  readonly installed: Installed
  readonly next: Manifest
  readonly key: string
  readonly honest: Buffer
  /** Honest bundles for others: of a machine that has nothing, and of canary. */
  readonly others: Readonly<Record<'none' | 'canary', Buffer>>
}

const directory = mkdtempSync(join(tmpdir(), 'skillsctl-attack-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

let here: Scene
beforeEach(async () => {
  // Built once: every attack meets a machine of its own.
  here ??= await scene()
})

async function scene(): Promise<Scene> {
  const team = await createTeam()
  await team.ship(files('one'))
  await team.publish()
  const machine = await team.joined()
  const home = join(directory, 'home')
  cpSync(machine.layout.root, home, COPY)
  const installed = currentRelease(machine.layout)
  if (installed === undefined) return expect.unreachable()
  await team.commit(files('evil'))
  await team.publish()
  const { manifest = '' } = await team.ship(files('two'))
  const bundle = (channel: typeof STABLE, role: number, from?: string) =>
    bodyOf(team.store, catchupKey(channel, role, from))
  return {
    team,
    home,
    installed,
    next: parseManifest(
      (await bodyOf(team.store, `targets/stable/${manifest}.release.json`)).toString(),
      sha256Hex,
    ),
    key: catchupKey(STABLE, 3, installed.manifest),
    honest: await bundle(STABLE, 3, installed.manifest),
    others: { none: await bundle(STABLE, 3), canary: await bundle(CANARY, 3, installed.manifest) },
  }
}

const COPY = { recursive: true, verbatimSymlinks: true, preserveTimestamps: true }

async function victim(): Promise<TestMachine> {
  const home = join(await temporaryDirectory(), 'home')
  cpSync(here.home, home, COPY)
  const { directory, content } = here.installed
  const machine = await here.team.machine({ home })
  // A copy has inodes of its own, and would count as edited.
  const tree = join(machine.layout.releases, directory)
  writeFileSync(statPath(machine.layout, directory), recordStats(tree, content.files))
  return machine
}

/** Pulls through this bundle: the release is right, and nothing else was touched. */
async function harmless(bundle: Buffer): Promise<TestMachine> {
  const machine = await victim()
  machine.store.lies = { body: (key, truth) => (key === here.key ? bundle : truth) }
  expect(await machine.pull()).toMatchObject({ outcome: 'updated', kept: [] })
  expect(machine.store.log).toContain(`get ${here.key}`)
  expect(await machine.files()).toEqual(files('two'))
  expect(readdirSync(dirname(machine.layout.root))).toEqual(['home'])
  expect(readdirSync(machine.layout.staging)).toEqual([])
  expect(Object.keys(Object.prototype)).toEqual([])
  return machine
}

const asked = ({ store }: TestMachine, prefix: string): boolean =>
  store.log.some((call) => call.includes(prefix))

/** The honest index as JSON, changed; the honest bodies after it. */
function reworked(change: (fields: Record<string, unknown>) => unknown, bodies?: Buffer): Buffer {
  const catchup = decodeCatchup(here.honest)
  const own = Buffer.concat((catchup.files ?? []).map((piece) => catchup.body(piece)))
  return container(JSON.stringify(change(JSON.parse(serializeIndex(catchup)))), bodies ?? own)
}

function container(index: string, bodies: Buffer = Buffer.alloc(0)): Buffer {
  const packed = deflateRawSync(Buffer.from(index))
  return Buffer.concat([Buffer.from(`skillsctl-catchup/1 ${packed.length}\n`), packed, bodies])
}

const piece = (body: Buffer, more: object = {}) => ({
  files: [{ path: SKILL, length: body.length, ...more }],
})

/** A bundle whose one piece is this. */
const withPiece = (body: Buffer, more: object = {}): Buffer =>
  reworked((fields) => ({ ...fields, ...piece(body, more) }), body)

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`

const EVIL = Buffer.from('evil\nand more\n')

/** Those that are no bundle for this machine. */
const USELESS: Readonly<Record<string, () => Buffer>> = {
  'nothing at all': () => Buffer.alloc(0),
  'a page of a captive portal': () => Buffer.from('<!doctype html><title>Please log in</title>'),
  'half of it': () => here.honest.subarray(0, here.honest.length >> 1),
  'all but its last byte': () => here.honest.subarray(0, -1),
  'a byte more': () => Buffer.concat([here.honest, Buffer.alloc(1)]),
  'more than any machine takes': () => Buffer.concat([here.honest, Buffer.alloc(9 * 1024 * 1024)]),
  'the one of another channel and release': () => here.others.canary,
  'an index that inflates endlessly': () => container(' '.repeat(64 * 1024 * 1024)),
  'an index of nothing but brackets': () => container(nested(500_000)),
  'an index nested deeper than it can be written': () =>
    container(
      JSON.stringify({
        format: 'skillsctl-catchup/1',
        metadata: {},
        manifest: { fields: {}, changed: [], removed: [] },
      }).replace('"fields":{}', `"fields":{"x":${nested(100_000)}}`),
    ),
  'a manifest of somebody else': () =>
    reworked((fields) => ({ ...fields, manifest: { fields: { format: 'x' }, changed: [], removed: [] } })),
  'a manifest with a path that leaves the tree': () =>
    reworked((fields) => ({
      ...fields,
      manifest: {
        ...(fields['manifest'] as object),
        changed: [{ path: '../../evil', mode: '644', size: EVIL.length, integrity: integrityOf(EVIL) }],
      },
    })),
  'a manifest that lacks everything': () =>
    reworked((fields) => ({
      ...fields,
      manifest: {
        ...(fields['manifest'] as object),
        removed: here.installed.content.files.map(({ path }) => path),
      },
    })),
  'a prototype in every object': () =>
    reworked((fields) => JSON.parse(JSON.stringify(fields, withPrototype))),
}

/** Adds a field named `__proto__`, as JSON can hold one. */
function withPrototype(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return { ...value, ['__proto__']: 'polluted' }
}

test('the honest bundle is all that is asked for, so what follows is about the bundles', async () => {
  const machine = await harmless(here.honest)
  expect(machine.store.calls).toHaveLength(3)
})

describe('a bundle that is no use is passed over:', () => {
  test.each(Object.keys(USELESS))('%s', async (name) => {
    const machine = await harmless(USELESS[name]?.() ?? Buffer.alloc(0))
    expect(asked(machine, 'targets/')).toBe(true)
    expect(asked(machine, 'blobs/')).toBe(true)
  })
})

/** Those with the right manifest, and something wrong in what is made of it. */
const WRONG: Readonly<Record<string, () => Buffer>> = {
  'what a machine needs that has nothing': () => here.others.none,
  'no files': () => reworked(({ files: _files, ...fields }) => fields, Buffer.alloc(0)),
  'a list of no files': () => reworked((fields) => ({ ...fields, files: [] }), Buffer.alloc(0)),
  'other content of the same length': () => withPiece(encodeWhole(EVIL)),
  'more content than was signed': () => withPiece(encodeWhole(Buffer.alloc(64 * 1024 * 1024))),
  'content that is no deflate stream': () => withPiece(EVIL),
  'an old copy that leaves the tree': () =>
    withPiece(encodeWhole(EVIL), { old: { path: '../../../../../etc/hostname', head: 0, tail: 0 } }),
  'an old copy in the trust directory': () =>
    withPiece(encodeWhole(EVIL), { old: { path: '../../trust/root.json', head: 4, tail: 4 } }),
  'a head beyond the old copy': () =>
    withPiece(encodeWhole(EVIL), { old: { path: SKILL, head: 2 ** 52, tail: 0 } }),
  'paths that leave the tree': () =>
    reworked((fields) => ({ ...fields, files: [{ path: '../../../evil', length: EVIL.length }] }), EVIL),
  'a path named like a prototype': () =>
    reworked((fields) => ({ ...fields, files: [{ path: '__proto__', length: EVIL.length }] }), EVIL),
}

describe('content is never taken from a bundle that holds', () => {
  test.each(Object.keys(WRONG))('%s', async (name) => {
    const machine = await harmless(WRONG[name]?.() ?? Buffer.alloc(0))
    expect(asked(machine, 'targets/')).toBe(false)
    expect(asked(machine, 'blobs/')).toBe(true)
  })
})

describe('metadata in a bundle is judged as if it had been fetched:', () => {
  const forged = (key: string): string => {
    const texts = decodeCatchup(here.honest).metadata
    return signMetadata(signedPart(Buffer.from(texts.get(key) ?? '')), [newSigner()]).toString()
  }
  const offering = (metadata: Readonly<Record<string, string>>): Buffer =>
    reworked((fields) => ({ ...fields, metadata }))

  test.each(['metadata/3.stable.json', 'metadata/5.snapshot.json'])('a forged %s', async (key) => {
    const machine = await harmless(
      reworked((fields) => ({
        ...fields,
        metadata: { ...(fields['metadata'] as object), [key]: forged(key) },
      })),
    )
    expect(asked(machine, key)).toBe(true)
    expect(asked(machine, 'blobs/')).toBe(false)
  })

  test('roots, timestamps and paths that nobody asked for', async () => {
    const machine = await harmless(
      offering({
        'metadata/2.root.json': '{}',
        'metadata/timestamp.json': '{}',
        '../../evil': 'evil',
        __proto__: 'evil',
        'metadata/3.stable.json': nested(200_000),
      }),
    )
    expect(asked(machine, 'metadata/3.stable.json')).toBe(true)
    expect(asked(machine, 'blobs/')).toBe(false)
  })

  test('a bundle does not make up for a timestamp that is not signed', async () => {
    const machine = await victim()
    machine.store.lies = {
      body: (key, truth) =>
        key === 'metadata/timestamp.json'
          ? truth && Buffer.from(`${truth} `.replace('"version":', '"version":9'))
          : truth,
    }
    expect(await machine.pull()).toMatchObject({ outcome: 'failed', problem: { code: 'untrusted' } })
    expect(await machine.files()).toEqual(files('one'))
  })
})

test('a bad bundle before a bad archive is the failure of the archive', async () => {
  const machine = await victim()
  machine.store.lies = {
    body: (key, truth) => {
      if (key === here.key) return withPiece(encodeWhole(EVIL))
      return key.startsWith('blobs/') && truth ? Buffer.alloc(truth.length) : truth
    },
  }
  expect(await machine.pull()).toMatchObject({ outcome: 'failed', problem: { code: 'corrupt' } })
  expect(await machine.files()).toEqual(files('one'))
  machine.store.lies = {}
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
})

describe('a flipped bit', () => {
  const flipped = (place: number): Buffer => {
    const bytes = Buffer.from(here.honest)
    bytes[place] = (bytes[place] ?? 0) ^ (1 << (place % 8))
    return bytes
  }

  test('in any byte makes no bundle, another manifest, or no tree', async () => {
    const { installed, next, home, team } = here
    const { layout } = await team.machine({ home })
    const before = JSON.parse(readFileSync(manifestPath(layout, installed.directory), 'utf8'))
    const base = {
      directory: join(layout.releases, installed.directory),
      manifest: installed.content,
      isUntouched: () => true,
    }
    const wanted = sha256Hex(patchManifest(before, decodeCatchup(here.honest).manifest))
    const trees = await temporaryDirectory()
    let built = 0
    for (let place = 0; place < here.honest.length; place++) {
      const catchup = unlessRefused(() => decodeCatchup(flipped(place)))
      const text = catchup && unlessRefused(() => patchManifest(before, catchup.manifest))
      if (catchup === undefined || text === undefined || sha256Hex(text) !== wanted) continue
      const tree = join(trees, String(place))
      mkdirSync(tree)
      if (!buildNextTree(tree, next, catchup, base)) continue
      built++
      expect(readFileSync(join(tree, SKILL), 'utf8'), `byte ${place}`).toBe(files('two')[SKILL])
    }
    // Flips in metadata, which another check meets, leave the rest as it is.
    expect(built).toBeLessThan(here.honest.length / 2)
  })

  test('here and there leaves a pull that ends well', async () => {
    for (let part = 0; part < 8; part++) await harmless(flipped(Math.floor((here.honest.length * part) / 8)))
  })
})

function unlessRefused<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (isError(error, 'corrupt')) return undefined
    throw error
  }
}
