import { describe, expect, test } from 'vitest'
import { parseChannel } from '../../src/core/channel.ts'
import type { ReadableStore } from '../../src/store/store.ts'
import type { Signer } from '../../src/trust/key.ts'
import { fetchTimestamp } from '../../src/trust/probe.ts'
import { publicKey } from '../../src/trust/public-key.ts'
import { RepositoryReader } from '../../src/trust/reader.ts'
import { memoryCache, type TrustCache } from '../../src/trust/trust-cache.ts'
import { fault, LyingStore } from '../support/lying-store.ts'
import { newSigner } from '../support/team.ts'
import {
  DIGEST,
  type Forged,
  type ForgeOptions,
  forge,
  NOW,
  newKeys,
  type RoleName,
  STABLE,
} from './forge.ts'

type Loose = Record<string, unknown>

async function head(
  { store, pin }: { store: ReadableStore; pin: Forged['pin'] },
  cache: TrustCache = memoryCache(),
  now = NOW,
) {
  const reader = await RepositoryReader.open({ store, pin, cache, now })
  await reader.refresh()
  return reader.head(STABLE)
}

test('what is forged honestly is read', async () => {
  expect(await head(await forge())).toMatchObject({ entry: { manifest: { sha256: DIGEST, length: 10 } } })
})

const ROLES: readonly RoleName[] = ['root', 'targets', 'stable', 'snapshot', 'timestamp']

describe.each(ROLES)('%s', (role) => {
  const rejected = (options: ForgeOptions) => forge(options).then(head)

  test.each([
    'never',
    '2027-01-01T00:00:00.000Z',
    '2027-01-01',
    '2027-02-31T00:00:00Z',
    '',
    null,
    4_000_000_000,
  ])('that expires %j is refused', async (expires) => {
    const attempt = rejected({ edit: { [role]: (signed: Loose) => ({ ...signed, expires }) } })
    await expect(attempt).rejects.toMatchObject({ code: expect.stringMatching(/^(?:corrupt|untrusted)$/) })
  })

  test('that has expired is stale', async () => {
    const attempt = rejected({
      edit: { [role]: (signed: Loose) => ({ ...signed, expires: '2026-01-31T23:59:59Z' }) },
    })
    await expect(attempt).rejects.toMatchObject({ code: 'stale' })
  })

  test('signed by nobody, by somebody else, or by its key over other bytes is untrusted', async () => {
    await expect(rejected({ signers: { [role]: [] } })).rejects.toMatchObject({ code: 'untrusted' })
    await expect(rejected({ signers: { [role]: [newSigner()] } })).rejects.toMatchObject({
      code: 'untrusted',
    })
    const wrong = (signatures: readonly { keyid: string; sig: string }[]) =>
      signatures.map(({ keyid, sig }) => ({
        keyid,
        sig: sig.replace(/^../, (byte) => (byte === '00' ? '01' : '00')),
      }))
    await expect(rejected({ signatures: { [role]: wrong } })).rejects.toMatchObject({ code: 'untrusted' })
  })

  test('of another type, or without one, is untrusted', async () => {
    for (const type of [role === 'root' ? 'targets' : 'root', undefined, 'constructor']) {
      const attempt = rejected({
        edit: {
          [role]: ({ _type, ...rest }: Loose) => (type === undefined ? rest : { ...rest, _type: type }),
        },
      })
      await expect(attempt).rejects.toMatchObject({ code: 'untrusted' })
    }
  })

  test('of a newer major version of TUF is unsupported', async () => {
    const attempt = rejected({ edit: { [role]: (signed: Loose) => ({ ...signed, spec_version: '2.0.0' }) } })
    await expect(attempt).rejects.toMatchObject({ code: 'unsupported' })
  })
})

describe('keys and thresholds', () => {
  /** Stable asks for two; the delegations list what `keys` says. */
  const delegating = (
    keysOf: (release: Signer) => { keys: Loose; keyids: readonly string[] },
    sign: (release: Signer) => readonly Signer[],
  ) => {
    const keys = newKeys()
    const { keys: known, keyids } = keysOf(keys.release)
    const roles = [{ name: 'stable', keyids, threshold: 2, terminating: true, paths: ['stable/*'] }]
    return forge({
      keys,
      edit: { targets: (signed) => ({ ...signed, delegations: { keys: known, roles } }) },
      signers: { stable: sign(keys.release) },
    }).then(head)
  }

  test('two keys satisfy a threshold of two', async () => {
    const second = newSigner()
    const found = delegating(
      (release) => ({
        keys: { [release.keyid]: release.tuf, [second.keyid]: second.tuf },
        keyids: [release.keyid, second.keyid],
      }),
      (release) => [release, second],
    )
    expect(await found).toBeDefined()
  })

  test('one key under two key ids does not', async () => {
    const alias = 'a'.repeat(64)
    const attempt = delegating(
      (release) => ({
        keys: { [release.keyid]: release.tuf, [alias]: release.tuf },
        keyids: [release.keyid, alias],
      }),
      (release) => [release, { ...release, keyid: alias }],
    )
    await expect(attempt).rejects.toMatchObject({ code: 'untrusted' })
  })

  test('one key in two spellings does not', async () => {
    const pem = (hex: string) =>
      `-----BEGIN PUBLIC KEY-----\n${Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(hex, 'hex')]).toString('base64')}\n-----END PUBLIC KEY-----\n`
    for (const spell of [(hex: string) => hex.toUpperCase(), pem]) {
      const other = (release: Signer) => publicKey(spell(release.tuf.keyval.public))
      const attempt = delegating(
        (release) => ({
          keys: { [release.keyid]: release.tuf, [other(release).keyid]: other(release).tuf },
          keyids: [release.keyid, other(release).keyid],
        }),
        (release) => [release, { ...release, keyid: other(release).keyid }],
      )
      await expect(attempt).rejects.toMatchObject({ code: 'untrusted' })
    }
  })

  test('one key that signs twice, or is listed twice, does not', async () => {
    const listed = (release: Signer) => ({
      keys: { [release.keyid]: release.tuf },
      keyids: [release.keyid, release.keyid],
    })
    await expect(delegating(listed, (release) => [release])).rejects.toMatchObject({ code: 'untrusted' })
    const second = newSigner()
    const both = (release: Signer) => ({
      keys: { [release.keyid]: release.tuf, [second.keyid]: second.tuf },
      keyids: [release.keyid, second.keyid],
    })
    await expect(delegating(both, (release) => [release, release])).rejects.toMatchObject({
      code: 'untrusted',
    })
    await expect(delegating(both, (release) => [release])).rejects.toMatchObject({ code: 'untrusted' })
  })

  test('a threshold of zero, or below, trusts nobody', async () => {
    for (const threshold of [0, -1]) {
      const attempt = forge({
        edit: {
          targets: (signed) => {
            const { keys, roles } = signed['delegations'] as { keys: Loose; roles: readonly Loose[] }
            return { ...signed, delegations: { keys, roles: roles.map((role) => ({ ...role, threshold })) } }
          },
        },
        signers: { stable: [] },
      }).then(head)
      await expect(attempt).rejects.toMatchObject({ code: 'untrusted' })
    }
  })

  test('a key under a key id that is not its own is untrusted, in the root as well', async () => {
    const keys = newKeys()
    const alias = 'b'.repeat(64)
    const attempt = forge({
      keys,
      edit: {
        root: (signed) => ({
          ...signed,
          keys: { [keys.root.keyid]: keys.root.tuf, [alias]: keys.online.tuf },
          roles: {
            ...(signed['roles'] as object),
            snapshot: { keyids: [alias], threshold: 1 },
            timestamp: { keyids: [alias], threshold: 1 },
          },
        }),
      },
      signers: {
        snapshot: [{ ...keys.online, keyid: alias }],
        timestamp: [{ ...keys.online, keyid: alias }],
      },
    }).then(head)
    await expect(attempt).rejects.toMatchObject({ code: 'untrusted' })
  })

  test('a root without consistent snapshots is untrusted', async () => {
    const attempt = forge({ edit: { root: (signed) => ({ ...signed, consistent_snapshot: false }) } }).then(
      head,
    )
    await expect(attempt).rejects.toMatchObject({ code: 'untrusted' })
  })
})

describe('delegations', () => {
  const delegated = (change: Loose) =>
    forge({
      edit: {
        targets: (signed) => {
          const { keys, roles } = signed['delegations'] as { keys: Loose; roles: readonly Loose[] }
          return { ...signed, delegations: { keys, roles: roles.map((role) => ({ ...role, ...change })) } }
        },
      },
    }).then(head)

  test.each([[['canary/*']], [['*']], [[]], [['stable/x']]])(
    'a role that is trusted for %j only does not speak for its channel',
    async (paths) => {
      await expect(delegated({ paths })).rejects.toMatchObject({ code: 'untrusted' })
    },
  )

  test('a channel without delegation is absent, also under the names of every object', async () => {
    await expect(delegated({ name: 'canary', paths: ['canary/*'] })).rejects.toMatchObject({ code: 'absent' })
    const { store, pin } = await forge()
    const reader = await RepositoryReader.open({ store, pin, cache: memoryCache(), now: NOW })
    await reader.refresh()
    for (const name of ['constructor', 'tostring', 'canary', 'drafts/x'])
      await expect(reader.head(parseChannel(name))).rejects.toMatchObject({ code: 'absent' })
  })

  test('files in the top-level targets are refused', async () => {
    const attempt = forge({
      edit: {
        targets: (signed) => ({
          ...signed,
          targets: { 'stable/release.json': { length: 1, hashes: { sha256: DIGEST } } },
        }),
      },
    }).then(head)
    await expect(attempt).rejects.toMatchObject({ code: 'untrusted' })
  })
})

describe('heads', () => {
  const target = (change: (file: Loose) => Loose | undefined) =>
    forge({
      edit: {
        stable: (signed) => {
          const file = change((signed['targets'] as Record<string, Loose>)[STABLE.target] ?? {})
          return { ...signed, targets: file === undefined ? {} : { [STABLE.target]: file } }
        },
      },
    }).then(head)

  test('a role without the target has no head; names that every object knows are no targets', async () => {
    expect(await target(() => undefined)).toBeUndefined()
    const { store, pin } = await forge({ edit: { stable: (signed) => ({ ...signed, targets: {} }) } })
    const reader = await RepositoryReader.open({ store, pin, cache: memoryCache(), now: NOW })
    await reader.refresh()
    for (const name of ['toString', '__proto__', 'constructor'])
      expect(await reader.head({ ...STABLE, target: name })).toBeUndefined()
  })

  test.each<[string, (file: Loose) => Loose]>([
    ['no custom', ({ custom: _custom, ...file }) => file],
    ['no sha256', (file) => ({ ...file, hashes: { sha512: 'x' } })],
    [
      'an archive under another digest',
      (file) =>
        changed(file, { archive: { path: 'blobs/../x', integrity: `sha256-${'A'.repeat(43)}=`, size: 1 } }),
    ],
    [
      'a version that is a path',
      (file) =>
        changed(file, {
          release: {
            version: '../../x',
            commit: 'c'.repeat(40),
            committedAt: '2026-01-01T00:00:00Z',
            publishedAt: '2026-01-01T00:00:00Z',
          },
        }),
    ],
    [
      'an archive of any size',
      (file) =>
        changed(file, {
          archive: {
            path: `blobs/00/${'0'.repeat(64)}.tar.gz`,
            integrity: `sha256-${'A'.repeat(43)}=`,
            size: Number.MAX_SAFE_INTEGER,
          },
        }),
    ],
  ])('a head with %s is corrupt', async (_name, change) => {
    await expect(target(change)).rejects.toMatchObject({ code: 'corrupt' })
  })

  test('unknown requirements are unsupported', async () => {
    await expect(target((file) => changed(file, { requires: ['x/1'] }))).rejects.toMatchObject({
      code: 'unsupported',
    })
  })

  test('a hint that is no hint is none', async () => {
    for (const hints of [undefined, null, [], 'x', { stable: 1 }, { stable: { release: 1, role: 1 } }]) {
      const { store, pin } = await forge({
        edit: {
          timestamp: ({ 'x-heads': _old, ...signed }) =>
            hints === undefined ? signed : { ...signed, 'x-heads': hints },
        },
      })
      const reader = await RepositoryReader.open({ store, pin, cache: memoryCache(), now: NOW })
      await reader.refresh()
      expect(reader.hint(STABLE)).toBeUndefined()
    }
  })
})

function changed(file: Loose, change: Loose): Loose {
  return { ...file, custom: { ...(file['custom'] as object), ...change } }
}

describe('the cache', () => {
  const cached = async (forged: Forged): Promise<TrustCache> => {
    const cache = memoryCache()
    await head(forged, cache)
    return cache
  }

  test.each(['root', 'timestamp', 'snapshot', 'targets', 'stable'])(
    'a torn or foreign %s in it is fetched again',
    async (role) => {
      const forged = await forge()
      for (const bytes of ['', '{"sig', '{}', 'null', '[]', '{"signed":{},"signatures":[]}', '\0\0\0']) {
        const cache = await cached(forged)
        await cache.write(role, Buffer.from(bytes))
        expect(await head(forged, cache)).toBeDefined()
        expect(await head(forged, cache)).toBeDefined()
      }
    },
  )

  test('what it holds is not fetched again', async () => {
    const forged = await forge()
    const cache = await cached(forged)
    const store = new LyingStore(forged.store)
    await head({ store, pin: forged.pin }, cache)
    expect(store.log.sort()).toEqual(['get metadata/2.root.json', 'get metadata/timestamp.json'])
  })

  test('a cached role whose key was revoked is not trusted any more', async () => {
    const forged = await forge()
    const cache = await cached(forged)
    const keys = { ...forged.keys, release: newSigner() }
    // The new delegation, with the role still signed by the old key.
    await forge({ keys, version: 2, store: forged.store, signers: { stable: [forged.keys.release] } })
    await expect(head(forged, cache)).rejects.toMatchObject({ code: 'untrusted' })
    await forge({ keys, version: 3, store: forged.store })
    expect(await head(forged, cache)).toBeDefined()
  })

  test('metadata that went back in version is untrusted, and the cache keeps what it had', async () => {
    const keys = newKeys()
    const old = await forge({ keys })
    const now = await forge({ keys, version: 2 })
    const cache = await cached(now)
    await expect(head({ store: old.store, pin: now.pin }, cache)).rejects.toMatchObject({ code: 'untrusted' })
    expect(await head(now, cache)).toBeDefined()
  })

  test('what another process has accepted meanwhile may not be taken back', async () => {
    const keys = newKeys()
    const old = await forge({ keys })
    const now = await forge({ keys, version: 2 })
    const cache = await cached(old)
    const reader = await RepositoryReader.open({ store: old.store, pin: old.pin, cache, now: NOW })
    await cache.write('timestamp', (await fetchTimestamp(now.store)).body)
    await expect(reader.refresh()).rejects.toMatchObject({ code: 'untrusted' })
  })

  /** Writes take a turn of the event loop, in which something may happen. */
  function slow(cache: TrustCache, during: (role: string) => unknown = () => {}): TrustCache {
    const write = async (role: string, bytes: Buffer): Promise<void> => {
      await new Promise(setImmediate)
      await during(role)
      await cache.write(role, bytes)
    }
    return { read: cache.read, write }
  }

  test('that takes no writes fails who acts on them, with its own error', async () => {
    const forged = await forge()
    const cache = slow(memoryCache(), (role) => {
      if (role === 'timestamp') throw fault('denied', 'the disk')
    })
    await expect(head(forged, cache)).rejects.toMatchObject({ code: 'denied', subject: 'the disk' })
  })

  test('has what was accepted when the rest fails', async () => {
    const forged = await forge()
    const kept = memoryCache()
    const store = new LyingStore(forged.store, {
      before: ({ key }) => {
        if (key.includes('snapshot')) throw fault('unreachable', key)
      },
    })
    await expect(head({ store, pin: forged.pin }, slow(kept))).rejects.toMatchObject({ code: 'unreachable' })
    expect(await kept.read('timestamp')).toEqual((await fetchTimestamp(forged.store)).body)
  })

  test('keeps what another process has accepted while a new root was written', async () => {
    const keys = newKeys()
    const now = await forge({ keys, version: 2 })
    const kept = await cached(now)
    const renewed = await forge({ keys, edit: { root: (signed: Loose) => ({ ...signed, version: 2 }) } })
    const next = await renewed.store.get('metadata/1.root.json', { maxBytes: 10_000 })
    if (next.kind === 'found') await now.store.touch('metadata/2.root.json', next.body)
    const { body: ahead } = await fetchTimestamp((await forge({ keys, version: 3 })).store)
    const cache = slow(kept, (role) => (role === 'root' ? kept.write('timestamp', ahead) : undefined))
    await expect(head(now, cache)).rejects.toMatchObject({ code: 'untrusted' })
    expect(await kept.read('timestamp')).toEqual(ahead)
  })

  test('a snapshot that takes a role back, or leaves it out, is untrusted', async () => {
    const keys = newKeys()
    const now = await forge({ keys, version: 5 })
    const edits = [
      (signed: Loose) => ({
        ...signed,
        meta: { ...(signed['meta'] as object), 'stable.json': { version: 4 } },
      }),
      (signed: Loose) => {
        const { 'stable.json': _gone, ...meta } = signed['meta'] as Loose
        return { ...signed, meta }
      },
    ]
    for (const edit of edits) {
      const cache = await cached(now)
      const later = await forge({ keys, version: 6, edit: { snapshot: edit } })
      await expect(head({ store: later.store, pin: now.pin }, cache)).rejects.toMatchObject({
        code: 'untrusted',
      })
    }
  })

  test('an expired timestamp in it still protects against an older one', async () => {
    const keys = newKeys()
    const now = await forge({ keys, version: 3 })
    const cache = await cached(now)
    const later = NOW + 400 * 24 * 3600 * 1000
    const fresh = { timestamp: (signed: Loose) => ({ ...signed, expires: '2030-01-01T00:00:00Z' }) }
    const old = await forge({ keys, version: 2, edit: fresh })
    await expect(head({ store: old.store, pin: now.pin }, cache, later)).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:untrusted|stale)$/),
    })
  })
})

describe('what the store says about an object', () => {
  const lying = async (lies: LyingStore['lies']) => {
    const { store, pin } = await forge()
    return head({ store: new LyingStore(store, lies), pin })
  }
  const denied = (pattern: RegExp): LyingStore['lies'] => ({
    before: ({ key }) => {
      if (pattern.test(key)) throw fault('denied', key)
    },
  })
  const gone = (pattern: RegExp): LyingStore['lies'] => ({
    body: (key, truth) => (pattern.test(key) ? undefined : truth),
  })

  test('403 on the next root means that there is none', async () => {
    expect(await lying(denied(/2\.root\.json$/))).toBeDefined()
  })

  test('403 on the timestamp is denied, its absence is no repository', async () => {
    await expect(lying(denied(/timestamp\.json$/))).rejects.toMatchObject({ code: 'denied' })
    await expect(lying(gone(/timestamp\.json$/))).rejects.toMatchObject({ code: 'absent' })
  })

  test.each(['snapshot', 'targets', 'stable'])(
    '403 on or absence of the promised %s is missing',
    async (role) => {
      await expect(lying(denied(new RegExp(`1\\.${role}\\.json$`)))).rejects.toMatchObject({
        code: 'missing',
      })
      await expect(lying(gone(new RegExp(`1\\.${role}\\.json$`)))).rejects.toMatchObject({ code: 'missing' })
    },
  )

  test('a timestamp, a root or a promised object that does not end is corrupt', async () => {
    const endless = (pattern: RegExp): LyingStore['lies'] => ({
      body: (key, truth) =>
        pattern.test(key) ? Buffer.concat([truth ?? Buffer.alloc(0), Buffer.alloc(1024 * 1024, 32)]) : truth,
    })
    for (const pattern of [/timestamp\.json$/, /2\.root\.json$/, /1\.snapshot\.json$/, /1\.stable\.json$/])
      await expect(lying(endless(pattern))).rejects.toMatchObject({ code: 'corrupt' })
  })

  test('a page of a captive portal is corrupt, not untrusted', async () => {
    const portal = (pattern: RegExp): LyingStore['lies'] => ({
      body: (key, truth) => (pattern.test(key) ? Buffer.from('<html>log in') : truth),
    })
    await expect(lying(portal(/timestamp\.json$/))).rejects.toMatchObject({ code: 'corrupt' })
    await expect(lying(portal(/snapshot\.json$/))).rejects.toMatchObject({ code: 'corrupt' })
  })
})

describe('the chain of roots', () => {
  test('a next root that skips a version, or that the old root did not sign, is untrusted', async () => {
    const forged = await forge()
    const root = JSON.parse((await readAll(forged)).toString('utf8')).signed as Loose
    const { encodeMetadata, signatureOf } = await import('../../src/trust/metadata.ts')
    const next = (version: number, signer: Signer) => {
      const signed = { ...root, version } as Parameters<typeof signatureOf>[0]
      return encodeMetadata(signed, [signatureOf(signed, signer)])
    }
    for (const bytes of [next(3, forged.keys.root), next(1, forged.keys.root), next(2, newSigner())]) {
      await forged.store.touch('metadata/2.root.json', bytes)
      await expect(head(forged)).rejects.toMatchObject({ code: 'untrusted' })
    }
    await forged.store.touch('metadata/2.root.json', next(2, forged.keys.root))
    expect(await head(forged)).toBeDefined()
  })
})

async function readAll({ store }: Forged): Promise<Buffer> {
  const answer = await store.get('metadata/1.root.json', { maxBytes: 1024 * 1024 })
  return answer.kind === 'found' ? answer.body : Buffer.alloc(0)
}
