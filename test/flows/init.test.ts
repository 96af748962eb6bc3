import { chmod, mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { decodeToken, init, listKeys, openSealed, parsePublicKey, parseSecretKey } from '../../src/index.ts'
import type { PutAnswer, Store } from '../../src/store/store.ts'
import { PASSPHRASE, writeKeys } from '../support/cheap-keys.ts'
import { LyingStore } from '../support/lying-store.ts'
import { MemoryStore } from '../support/memory-store.ts'
import { HOUR, listing, temporaryDirectory } from '../support/team.ts'
import { openTestStore } from '../support/test-store.ts'

const NOW = Date.UTC(2026, 1, 1)

function options(store: Store, keys: string) {
  return { store, name: 'acme-skills', keys, passphrase: async () => PASSPHRASE, now: NOW }
}

/** A directory with the key files of an earlier init. */
async function keyDirectory(names?: string[]): Promise<string> {
  const directory = await temporaryDirectory()
  await writeKeys(directory, names)
  return directory
}

const emptyStore = () => openTestStore(() => NOW)

const keysOf = async (store: Store) => [...(await listing(store)).keys()]

test('makes keys, trust and channels, and says what a team needs to know', async () => {
  const store = await emptyStore()
  const keys = join(await temporaryDirectory(), 'new', 'keys')
  const report = await init(options(store, keys))
  expect(report.files).toEqual({
    root: join(keys, 'root.sealed.json'),
    ci: join(keys, 'ci.key'),
    release: join(keys, 'release.key'),
  })
  for (const file of Object.values(report.files)) expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect((await stat(keys)).mode & 0o777).toBe(0o700)
  expect(decodeToken(report.tokens.stable)).toEqual({
    store: store.url,
    root: report.root,
    channel: 'stable',
  })
  expect(decodeToken(report.tokens.canary).channel).toBe('canary')

  const root = await openSealed(await readFile(report.files.root, 'utf8'), PASSPHRASE, 'root')
  const ci = parseSecretKey(await readFile(report.files.ci, 'utf8'), 'ci')
  const release = parseSecretKey(await readFile(report.files.release, 'utf8'), 'release')
  expect(parsePublicKey(report.publicKeys.release).keyid).toBe(release.keyid)
  const { keys: holders } = await listKeys({ store, pin: report.root })
  const ids = Object.fromEntries(
    Object.entries({ root: holders.root, ...holders.channels }).map(([role, { keys }]) => [
      role,
      keys.map(({ keyid }) => keyid),
    ]),
  )
  expect(ids).toEqual({ root: [root.keyid], canary: [ci.keyid], stable: [release.keyid], drafts: [ci.keyid] })
})

test('leaves nothing of its probe behind', async () => {
  const store = await emptyStore()
  await init(options(store, await keyDirectory()))
  expect((await keysOf(store)).filter((key) => !key.startsWith('metadata/'))).toEqual([])
})

test('refuses an existing repository before it asks for anything or writes', async () => {
  const store = await emptyStore()
  await init(options(store, await keyDirectory()))
  const before = await listing(store)
  const passphrase = async () => {
    throw new Error('asked for a passphrase')
  }
  await expect(init({ ...options(store, await temporaryDirectory()), passphrase })).rejects.toMatchObject({
    code: 'refused',
  })
  expect(await listing(store)).toEqual(before)
})

describe('a store that ignores conditions is refused as unsupported, and nothing stays in it', () => {
  const cases: Record<string, (store: MemoryStore) => MemoryStore> = {
    'If-None-Match': (inner) =>
      Object.assign(inner, {
        put: async (key: string, body: Buffer, condition: object): Promise<PutAnswer> => {
          if ('absent' in condition) await inner.touch(key, body)
          return 'absent' in condition
            ? { kind: 'stored', etag: '"x"' }
            : MemoryStore.prototype.put.call(inner, key, body, condition as { match: string })
        },
      }),
    'If-Match': (inner) =>
      Object.assign(inner, {
        put: async (key: string, body: Buffer, condition: object): Promise<PutAnswer> => {
          if ('absent' in condition) return MemoryStore.prototype.put.call(inner, key, body, { absent: true })
          await inner.touch(key, body)
          return { kind: 'stored', etag: '"x"' }
        },
      }),
  }
  test.each(Object.keys(cases))('%s', async (name) => {
    const honest = new MemoryStore({ now: () => NOW })
    const store = cases[name]?.(honest) ?? honest
    const keys = join(await temporaryDirectory(), 'keys')
    await expect(init(options(store, keys))).rejects.toMatchObject({ code: 'unsupported' })
    expect(await keysOf(store)).toEqual([])
    await expect(stat(keys)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

test('an init interrupted at any write can be run again later with the keys it had made', async () => {
  const keys = await keyDirectory()
  for (let writes = 0; ; writes++) {
    const truth = await emptyStore()
    let left = writes
    const store = new LyingStore(truth, {
      before: ({ operation, key }) => {
        if (operation === 'put' && key.startsWith('metadata/') && left-- <= 0) throw new Error('killed')
      },
    })
    const killed = await init(options(store, keys)).then(
      () => false,
      () => true,
    )
    if (!killed) break
    expect(writes).toBeLessThan(12)
    if (writes > 0) await expect(init(options(truth, keys))).rejects.toMatchObject({ code: 'refused' })
    const report = await init({ ...options(truth, keys), now: NOW + HOUR })
    expect((await listKeys({ store: truth, pin: report.root })).root).toEqual(report.root)
  }
}, 60_000)

test('two inits at once: one makes the repository, the other is refused', async () => {
  const store = await emptyStore()
  const [one, two] = await Promise.all([keyDirectory(), keyDirectory()])
  const results = await Promise.allSettled([init(options(store, one)), init(options(store, two))])
  const made = results.filter(({ status }) => status === 'fulfilled')
  expect(made.length).toBeLessThanOrEqual(1)
  for (const result of results)
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'refused' })
})

test('half a set of keys is refused rather than completed or overwritten', async () => {
  for (const names of [['ci.key'], ['root.sealed.json', 'release.key']]) {
    const keys = await keyDirectory(names)
    const store = await emptyStore()
    await expect(init(options(store, keys))).rejects.toMatchObject({ code: 'refused' })
    expect(await keysOf(store)).toEqual([])
  }
})

test('a wrong passphrase for the keys at hand makes no repository', async () => {
  const store = await emptyStore()
  const passphrase = async () => 'not the right one'
  await expect(init({ ...options(store, await keyDirectory()), passphrase })).rejects.toMatchObject({
    code: 'denied',
  })
  expect(await keysOf(store)).toEqual([])
})

test('a short passphrase is refused, and no key is left behind', async () => {
  const keys = join(await temporaryDirectory(), 'keys')
  await expect(
    init({ ...options(await emptyStore(), keys), passphrase: async () => 'short' }),
  ).rejects.toMatchObject({
    code: 'usage',
  })
  await expect(stat(keys)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a directory that is there already keeps its permissions', async () => {
  const keys = join(await temporaryDirectory(), 'shared')
  await mkdir(keys)
  await chmod(keys, 0o755)
  onTestFinished(() => chmod(keys, 0o755))
  await writeKeys(keys)
  await init(options(await emptyStore(), keys))
  expect((await stat(keys)).mode & 0o777).toBe(0o755)
})
