import { describe, expect, test } from 'vitest'
import {
  addKey,
  cosignChannel,
  decodeToken,
  listKeys,
  promote,
  removeKey,
  renewRoot,
  replaceKey,
  revert,
  setThreshold,
} from '../../src/index.ts'
import type { ReadableStore, Store } from '../../src/store/store.ts'
import type { Signer } from '../../src/trust/key.ts'
import { RepositoryReader } from '../../src/trust/reader.ts'
import type { RootPin } from '../../src/trust/root-chain.ts'
import { memoryCache, type TrustCache } from '../../src/trust/trust-cache.ts'
import { fault, LyingStore } from '../support/lying-store.ts'
import { CANARY, createTeam, DAY, listing, newSigner, STABLE, type Team } from '../support/team.ts'
import { openTestStore } from '../support/test-store.ts'

const SKILL = 'skills/a/SKILL.md'
const yes = async () => true

const ids = (holders: { readonly keys: readonly { readonly keyid: string }[] } | undefined) =>
  holders?.keys.map(({ keyid }) => keyid)

/** A repository with something on canary and stable. */
async function published(): Promise<Team> {
  const team = await createTeam()
  await team.commit({ [SKILL]: 'one' })
  await team.publish()
  await promote(team.release, 'canary', STABLE, yes)
  return team
}

async function promoteNext(team: Team, content: string, signer: Signer): Promise<unknown> {
  await team.commit({ [SKILL]: content })
  await team.publish({}, team.publisher())
  return promote(team.publisher({ signers: [signer] }), 'canary', STABLE, yes)
}

test('lists who may sign what, with a token for new machines', async () => {
  const team = await createTeam()
  const { keys, root, token, waiting } = await listKeys(team.publisher())
  expect(ids(keys.root)).toEqual([team.keys.root.keyid])
  expect(ids(keys.channels['stable'])).toEqual([team.keys.release.keyid])
  expect(root).toEqual(team.root)
  expect(decodeToken(token)).toEqual({ store: team.store.url, root: team.root, channel: 'stable' })
  expect(waiting).toEqual([])
})

test('a key that is added may sign; the others still may', async () => {
  const team = await published()
  const machine = await team.joined()
  const second = newSigner()
  const report = await addKey(team.publisher(), 'stable', second)
  expect(ids(report.keys.channels['stable'])).toEqual([team.keys.release.keyid, second.keyid])
  for (const [content, signer] of [
    ['two', second],
    ['three', team.keys.release],
  ] as const) {
    expect(await promoteNext(team, content, signer)).toMatchObject({ outcome: 'moved' })
    expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
    expect(await machine.files()).toEqual({ [SKILL]: content })
  }
})

test('adding a key that is listed already changes nothing', async () => {
  const team = await createTeam()
  const before = await listing(team.store)
  await addKey(team.publisher(), 'stable', team.keys.release)
  expect(await listing(team.store)).toEqual(before)
})

test('a key that is removed may not sign any more', async () => {
  const team = await published()
  const machine = await team.joined()
  const second = newSigner()
  await addKey(team.publisher(), 'stable', second)
  await promoteNext(team, 'two', second)
  await removeKey(team.publisher(), 'stable', second.keyid.slice(0, 16))
  await expect(promoteNext(team, 'three', second)).rejects.toMatchObject({ code: 'refused' })
  expect(await promote(team.release, 'canary', STABLE, yes)).toMatchObject({ outcome: 'moved' })
  await machine.pull()
  expect(await machine.files()).toEqual({ [SKILL]: 'three' })
})

test('refuses what would leave a role without enough keys, and roles that do not exist', async () => {
  const team = await createTeam()
  const before = await listing(team.store)
  const all = team.publisher()
  await expect(removeKey(all, 'stable', team.keys.release.keyid)).rejects.toMatchObject({ code: 'refused' })
  await expect(setThreshold(all, 'stable', 2)).rejects.toMatchObject({ code: 'refused' })
  await expect(setThreshold(all, 'stable', 0)).rejects.toMatchObject({ code: 'refused' })
  await expect(addKey(all, 'nightly', newSigner())).rejects.toMatchObject({ code: 'absent' })
  expect(await listing(team.store)).toEqual(before)
})

test('only the root key changes keys', async () => {
  const team = await createTeam()
  const others = team.publisher({ signers: [team.keys.ci, team.keys.release] })
  await expect(addKey(others, 'stable', newSigner())).rejects.toMatchObject({ code: 'refused' })
  expect((await listKeys(team.publisher())).root).toEqual(team.root)
})

/** A client of which only its trust matters here. */
async function heads(store: ReadableStore, pin: RootPin, cache: TrustCache, now: number) {
  const reader = await RepositoryReader.open({ store, pin, cache, now })
  await reader.refresh()
  const of = async (channel: typeof STABLE) => (await reader.head(channel))?.entry.release.version
  return { canary: await of(CANARY), stable: await of(STABLE), root: reader.rootVersion }
}

describe('rotation', () => {
  const ROLES = ['ci', 'release', 'root'] as const

  test.each(ROLES)(
    'the %s key is replaced, the old one may not sign any more, and clients follow',
    async (role) => {
      const team = await published()
      const machine = await team.joined()
      const next = newSigner()
      const signers = [...Object.values(team.keys), next]
      const report = await replaceKey(team.publisher({ signers }), team.keys[role], next)
      const holders = [report.keys.root, ...Object.values(report.keys.channels)].flatMap(({ keys }) => keys)
      expect(holders.map(({ keyid }) => keyid)).not.toContain(team.keys[role].keyid)
      expect(report.root.version).toBe(2)

      const keys = { ...team.keys, [role]: next }
      await team.commit({ [SKILL]: 'two' })
      await team.publish({}, team.publisher({ signers: [keys.ci] }))
      await promote(team.publisher({ signers: [keys.release] }), 'canary', STABLE, yes)
      expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
      const fresh = await team.machine()
      await fresh.join(decodeToken(report.token).root)
      expect(await fresh.files()).toEqual({ [SKILL]: 'two' })

      await team.commit({ [SKILL]: 'three' })
      const old = team.publisher({ signers: [team.keys[role]] })
      if (role === 'ci') await expect(team.publish({}, old)).rejects.toMatchObject({ code: 'refused' })
      if (role === 'release')
        await expect(revert(old, STABLE, undefined, yes)).rejects.toMatchObject({ code: 'refused' })
      if (role === 'root') await expect(renewRoot(old)).rejects.toMatchObject({ code: 'refused' })
    },
  )

  test('a machine that slept through three rotations follows them all', async () => {
    const team = await published()
    const machine = await team.joined()
    const next = { root: newSigner(), ci: newSigner(), release: newSigner() }
    const signers = [...Object.values(team.keys), ...Object.values(next)]
    for (const role of ROLES) await replaceKey(team.publisher({ signers }), team.keys[role], next[role])
    await team.commit({ [SKILL]: 'two' })
    await team.publish({}, team.publisher({ signers: [next.ci] }))
    await promote(team.publisher({ signers: [next.release] }), 'canary', STABLE, yes)
    expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
    expect(await machine.files()).toEqual({ [SKILL]: 'two' })
    const fresh = await team.machine()
    await fresh.join()
    expect(await fresh.files()).toEqual({ [SKILL]: 'two' })
  })

  test.each(ROLES)(
    'killed before any write, rotating %s leaves a repository every client can use, and finishes when run again',
    async (role) => {
      const team = await published()
      const before = memoryCache()
      const seen = await heads(team.store, team.root, before, team.clock.now())
      const next = newSigner()
      const signers = [...Object.values(team.keys), next]
      const expectUsable = async (store: ReadableStore): Promise<void> => {
        for (const cache of [await copyOfCache(before), memoryCache()])
          expect(await heads(store, team.root, cache, team.clock.now())).toMatchObject({
            canary: seen.canary,
            stable: seen.stable,
          })
      }
      let kills = 0
      for (let done = false; !done; kills++) {
        const store = await copyOf(team.store)
        const killed = new LyingStore(store, killAfter(kills))
        done = await replaceKey(team.publisher({ signers, store: killed }), team.keys[role], next).then(
          () => true,
          () => false,
        )
        await expectUsable(store)
        if (!done) {
          const report = await replaceKey(team.publisher({ signers, store }), team.keys[role], next)
          expect(report.root.version).toBe(2)
          expect(report.waiting).toEqual([])
          const ids = [report.keys.root, ...Object.values(report.keys.channels)].flatMap(({ keys }) =>
            keys.map(({ keyid }) => keyid),
          )
          expect(ids).toContain(next.keyid)
          expect(ids).not.toContain(team.keys[role].keyid)
          await expectUsable(store)
        }
        expect(kills).toBeLessThan(20)
      }
      expect(kills).toBeGreaterThanOrEqual(4)
    },
  )

  test('a publisher that lands between the steps with the old key leaves a repository every client can use', async () => {
    const team = await published()
    const next = newSigner()
    const signers = [...Object.values(team.keys), next]
    await team.commit({ [SKILL]: 'two' })
    let raced = false
    const store = new LyingStore(team.store, {
      before: async ({ operation, key }) => {
        if (raced || operation !== 'put' || key !== 'metadata/2.root.json') return
        raced = true
        await team.publish()
      },
    })
    const rotate = (through: Store) =>
      replaceKey(team.publisher({ signers, store: through }), team.keys.ci, next)
    await rotate(store).catch(() => {})
    expect(raced).toBe(true)
    await rotate(team.store)
    expect(await heads(team.store, team.root, memoryCache(), team.clock.now())).toMatchObject({ root: 2 })
  })

  test('a key that is not at hand cannot take over the signing of snapshot and timestamp: refused, nothing broken', async () => {
    const team = await published()
    const ours = [team.keys.root, team.keys.ci]
    const release = newSigner()
    await replaceKey(
      team.publisher({ signers: [...ours, team.keys.release, release] }),
      team.keys.release,
      release,
    )
    // Of the keys that sign the timestamp afterwards, the new CI key and the release key, none is here.
    const attempt = replaceKey(team.publisher({ signers: ours }), team.keys.ci, newSigner())
    await expect(attempt).rejects.toMatchObject({ code: 'refused' })
    expect(await heads(team.store, team.root, memoryCache(), team.clock.now())).toMatchObject({ root: 2 })
  })

  test('replacing a key that nobody lists, or one by itself, is refused: a leak would stay open unnoticed', async () => {
    const team = await published()
    const stray = replaceKey(team.publisher(), newSigner(), newSigner())
    await expect(stray).rejects.toMatchObject({ code: 'refused' })
    const same = replaceKey(team.publisher(), team.keys.ci, team.keys.ci)
    await expect(same).rejects.toMatchObject({ code: 'refused' })
  })

  test('without the old root key there is no new root', async () => {
    const team = await published()
    const next = newSigner()
    const signers = [team.keys.ci, team.keys.release, next]
    await expect(replaceKey(team.publisher({ signers }), team.keys.root, next)).rejects.toMatchObject({
      code: 'refused',
    })
    expect(await heads(team.store, team.root, memoryCache(), team.clock.now())).toMatchObject({ root: 1 })
  })

  test('renewing the root signs it anew, and nobody has to do anything', async () => {
    const team = await published()
    const machine = await team.joined()
    team.clock.pass(300 * DAY)
    const { root } = await renewRoot(team.publisher())
    expect(root.version).toBe(2)
    expect(await machine.pull()).toMatchObject({ outcome: 'current', warnings: [] })
    team.clock.pass(20 * DAY)
    expect(await machine.pull()).toMatchObject({ outcome: 'current' })
  })
})

describe('raising a threshold', () => {
  test('the second signer cosigns the channel as it stands, then the root key finishes', async () => {
    const team = await published()
    const machine = await team.joined()
    const second = newSigner()
    await addKey(team.publisher(), 'stable', second)
    const open = await setThreshold(team.publisher(), 'stable', 2)
    expect(open.waiting).toEqual([{ role: 'stable', have: 1, need: 2 }])
    expect(open.keys.channels['stable']?.threshold).toBe(1)
    expect(await machine.pull()).toMatchObject({ outcome: 'current' })

    await cosignChannel(team.publisher({ signers: [second] }), 'stable')
    const done = await setThreshold(team.publisher(), 'stable', 2)
    expect(done.waiting).toEqual([])
    expect(done.keys.channels['stable']?.threshold).toBe(2)
    expect(await machine.pull()).toMatchObject({ outcome: 'current' })
    const fresh = await team.joined()
    expect(await fresh.files()).toEqual({ [SKILL]: 'one' })
  })

  test('is one step when both keys are at hand', async () => {
    const team = await published()
    const second = newSigner()
    const signers = [...Object.values(team.keys), second]
    await addKey(team.publisher({ signers }), 'stable', second)
    const report = await setThreshold(team.publisher({ signers }), 'stable', 2)
    expect(report.waiting).toEqual([])
    expect(report.keys.channels['stable']?.threshold).toBe(2)
  })

  test('somebody whose key the channel does not list cannot cosign', async () => {
    const team = await published()
    await expect(cosignChannel(team.ci, 'stable')).rejects.toMatchObject({
      code: 'refused',
      subject: 'stable',
    })
  })
})

function killAfter(writes: number): LyingStore['lies'] {
  let left = writes
  return {
    before: ({ operation, key }) => {
      if (operation === 'put' && left-- <= 0) throw fault('unreachable', key)
    },
  }
}

async function copyOf(store: Store): Promise<Store> {
  const copy = await openTestStore()
  for (const [key, body] of await listing(store))
    await copy.put(key, Buffer.from(body, 'base64'), { absent: true })
  return copy
}

async function copyOfCache(cache: TrustCache): Promise<TrustCache> {
  const copy = memoryCache()
  for (const role of ['root', 'timestamp', 'snapshot', 'targets', 'canary', 'stable']) {
    const bytes = await cache.read(role)
    if (bytes !== undefined) await copy.write(role, bytes)
  }
  return copy
}
