import { describe, expect, test } from 'vitest'
import { moveHead } from '../../src/flows/publisher.ts'
import { promote, releases, revert } from '../../src/index.ts'
import { approve, openApprovals, proposal } from '../../src/trust/approval.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import type { Signer } from '../../src/trust/key.ts'
import { metadataKey, type TargetsSigned } from '../../src/trust/metadata.ts'
import { keySet } from '../../src/trust/root.ts'
import { readRepository } from '../../src/trust/view.ts'
import { fault, LyingStore } from '../support/lying-store.ts'
import { CANARY, createTeam, DAY, listing, newSigner, STABLE, type Team } from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'
const yes = async () => true

interface Pair {
  readonly team: Team
  readonly second: Signer
  /** Promotes as the one or the other maintainer. */
  readonly one: (confirm?: (question: string) => Promise<boolean>) => ReturnType<typeof promote>
  readonly two: (confirm?: (question: string) => Promise<boolean>) => ReturnType<typeof promote>
}

/** Stable asks for two of two; canary has one release. */
async function pair(): Promise<Pair> {
  const second = newSigner()
  const team = await createTeam({
    others: [second],
    keySet: ({ release }) => ({ stable: { keys: [release, second], threshold: 2 } }),
  })
  await team.commit({ [SKILL]: 'one' })
  await team.publish()
  const as =
    (signer: Signer) =>
    (confirm: (question: string) => Promise<boolean> = yes) =>
      promote(team.publisher({ signers: [signer] }), 'canary', STABLE, confirm)
  return { team, second, one: as(team.keys.release), two: as(second) }
}

const stable = async (team: Team) =>
  (await releases({ ...team.ci, channel: STABLE, limit: 100, now: team.clock.now() })).map(
    ({ release }) => release.version,
  )

test('the first signer stores an approval, the second is shown what changes and completes it', async () => {
  const { team, one, two } = await pair()
  expect(await one()).toMatchObject({ outcome: 'approved', approvals: { have: 1, need: 2 } })
  expect(await stable(team)).toEqual([])
  team.clock.pass(DAY)
  const questions: string[] = []
  const report = await two(async (question) => {
    questions.push(question)
    return true
  })
  expect(report).toMatchObject({
    outcome: 'moved',
    approvals: { have: 2, need: 2 },
    changes: { added: ['skills/a'] },
  })
  expect(questions).toHaveLength(1)
  expect(questions[0]).toContain(report.version)
  expect(await stable(team)).toEqual([report.version])
  const machine = await team.joined()
  expect(await machine.files()).toEqual({ [SKILL]: 'one' })
})

test('one signer alone, however often, is not two', async () => {
  const { team, one } = await pair()
  await one()
  expect(await one()).toMatchObject({ outcome: 'approved', approvals: { have: 1, need: 2 } })
  team.clock.pass(60_000)
  expect(await one()).toMatchObject({ outcome: 'approved', approvals: { have: 1, need: 2 } })
  expect(await stable(team)).toEqual([])
})

test('a second signer who declines signs nothing', async () => {
  const { team, one, two } = await pair()
  await one()
  const before = await listing(team.store)
  await expect(two(async () => false)).rejects.toMatchObject({ code: 'refused' })
  const after = await listing(team.store)
  expect([...after.keys()].filter((key) => !key.startsWith('targets/'))).toEqual(
    [...before.keys()].filter((key) => !key.startsWith('targets/')),
  )
})

test('both keys at hand need no second step', async () => {
  const { team, second } = await pair()
  const both = team.publisher({ signers: [team.keys.release, second] })
  expect(await promote(both, 'canary', STABLE, yes)).toMatchObject({ outcome: 'moved' })
})

test('a key that the channel does not list may not approve', async () => {
  const { team } = await pair()
  await expect(promote(team.ci, 'canary', STABLE, yes)).rejects.toMatchObject({ code: 'refused' })
  expect([...(await listing(team.store)).keys()].filter((key) => key.startsWith('approvals/'))).toEqual([])
})

test('an approval is void after seven days', async () => {
  const { team, one, two } = await pair()
  await one()
  team.clock.pass(7 * DAY + 1000)
  expect(await two()).toMatchObject({ outcome: 'approved', approvals: { have: 1, need: 2 } })
  expect(await one()).toMatchObject({ outcome: 'moved' })
})

test('an approval is void once the head has moved', async () => {
  const { team, second, one, two } = await pair()
  const both = team.publisher({ signers: [team.keys.release, second] })
  await promote(both, 'canary', STABLE, yes)
  await team.commit({ [SKILL]: 'two' })
  await team.publish()
  const [first] = await stable(team)
  await one()
  await team.commit({ [SKILL]: 'three' })
  await team.publish()
  await promote(both, 'canary', STABLE, yes)
  // The first signer approved "two", on top of "one": nobody completes that now.
  expect(await two()).toMatchObject({ outcome: 'unchanged' })
  expect(await revert(team.publisher({ signers: [second] }), STABLE, first, yes)).toMatchObject({
    outcome: 'approved',
  })
  expect(await stable(team)).toHaveLength(2)
})

test('revert asks for two as well', async () => {
  const { team, second } = await pair()
  const both = team.publisher({ signers: [team.keys.release, second] })
  await promote(both, 'canary', STABLE, yes)
  const [before] = await stable(team)
  await team.commit({ [SKILL]: 'two' })
  await team.publish()
  await promote(both, 'canary', STABLE, yes)
  expect(await revert(team.release, STABLE, undefined, yes)).toMatchObject({ outcome: 'approved' })
  expect(await revert(team.publisher({ signers: [second] }), STABLE, undefined, yes)).toMatchObject({
    outcome: 'moved',
    version: before,
  })
})

test('killed at any write, the second signer can run it again', async () => {
  for (let writes = 0, done = false; !done; writes++) {
    const { team, second, one, two } = await pair()
    await one()
    let left = writes
    const store = new LyingStore(team.store, {
      before: ({ operation, key }) => {
        if (operation === 'put' && left-- <= 0) throw fault('unreachable', key)
      },
    })
    done = await promote(team.publisher({ signers: [second], store }), 'canary', STABLE, yes).then(
      () => true,
      () => false,
    )
    if (!done) expect(await two()).toMatchObject({ outcome: 'moved' })
    expect(await stable(team)).toHaveLength(1)
    expect(writes).toBeLessThan(12)
  }
})

test('a dead publisher that took the name of the next version blocks nobody', async () => {
  const { team, one, two } = await pair()
  await team.store.put(metadataKey('stable', 2), Buffer.from('{}'), { absent: true })
  await one()
  expect(await two()).toMatchObject({ outcome: 'moved' })
})

describe('a proposal that we would not make ourselves is not signed', () => {
  const EVIL: Record<string, (signed: TargetsSigned, team: Team) => TargetsSigned> = {
    'another archive': (signed) =>
      edited(signed, (custom) => ({
        ...custom,
        archive: {
          path: `blobs/aa/${'a'.repeat(64)}.tar.gz`,
          integrity: `sha256-${'q'.repeat(42)}g=`,
          size: 1,
        },
      })),
    'another release': (signed) => {
      const target = { ...signed.targets[STABLE.target], hashes: { sha256: 'b'.repeat(64) } }
      return { ...signed, targets: { [STABLE.target]: target } }
    },
    'another history': (signed) =>
      edited(signed, (custom) => ({ ...custom, history: [custom['release'] ?? null] })),
    'a requirement': (signed) => edited(signed, (custom) => ({ ...custom, requires: ['x'] })),
    'another target': (signed) => ({
      ...signed,
      targets: { ...signed.targets, 'stable/evil.json': signed.targets[STABLE.target] ?? {} },
    }),
    'delegations of its own': (signed) => ({ ...signed, delegations: { keys: {}, roles: [] } }),
    'a time of publication that is none': (signed) => published(signed, 'soon'),
    'a time of publication far ahead': (signed) => published(signed, '2999-01-01T00:00:00Z'),
    'an expiry far ahead': (signed) => ({ ...signed, expires: '2999-01-01T00:00:00Z' }),
    'an expiry without a date': (signed) => ({ ...signed, expires: 'never' }),
    'a version far ahead': (signed) => ({ ...signed, version: 1_000_000 }),
  }

  test.each(Object.keys(EVIL))('%s', async (name) => {
    const { team, second, one } = await pair()
    const evil = EVIL[name] ?? (() => expect.unreachable())
    const context = team.publisher({ signers: [second] })
    const { view } = await readRepository(context)
    const entry = (await view.head(CANARY))?.entry
    if (entry === undefined) return expect.unreachable()
    const now = team.clock.now()
    const release = { ...entry.release, publishedAt: team.clock.text }
    const honest = await proposal(
      team.store,
      view,
      'stable',
      await moveHead(context, view, STABLE, { ...entry, release }),
      now,
    )
    const signed = evil(honest, team)
    await approve(team.store, 'stable', signed, [second], [])
    await one()
    const ours = [...(await listing(team.store)).keys()].filter((key) =>
      key.endsWith(`/${team.keys.release.keyid}.sig`),
    )
    const crafted = `approvals/stable/${await digestOfEvil(team, second)}`
    expect(ours).toHaveLength(1)
    expect(ours[0]?.startsWith(crafted)).toBe(false)
    expect(await stable(team)).toEqual([])
  })

  test('the same crafted by hand, but honest, is signed', async () => {
    const { team, second, one } = await pair()
    const context = team.publisher({ signers: [second] })
    const { view } = await readRepository(context)
    const entry = (await view.head(CANARY))?.entry
    if (entry === undefined) return expect.unreachable()
    const { changes } = await promote(context, 'canary', STABLE, yes)
    expect(changes.added).toEqual(['skills/a'])
    expect(
      await openApprovals(
        team.store,
        view,
        'stable',
        keySet(view).channels['stable'] ?? { keys: [], threshold: 1 },
        team.clock.now(),
      ),
    ).toHaveLength(1)
    expect(await one()).toMatchObject({ outcome: 'moved' })
  })
})

test('rubbish under approvals/ is passed over', async () => {
  const { team, one, two } = await pair()
  const rubbish = Buffer.from('not JSON')
  await team.store.put(`approvals/stable/${sha256Hex(rubbish)}/role.json`, rubbish, { absent: true })
  const list = Buffer.from('[]')
  await team.store.put(`approvals/stable/${sha256Hex(list)}/role.json`, list, { absent: true })
  await team.store.put('approvals/stable/x', rubbish, { absent: true })
  await one()
  const [waiting] = [...(await listing(team.store)).keys()].filter((key) => key.endsWith('.sig'))
  const folder = waiting?.slice(0, waiting.lastIndexOf('/'))
  await team.store.put(`${folder}/${'0'.repeat(64)}.sig`, rubbish, { absent: true })
  expect(await two()).toMatchObject({ outcome: 'moved' })
})

test('a signature file that somebody else filled with rubbish does not count', async () => {
  const { team, second, one, two } = await pair()
  await one()
  const [waiting] = [...(await listing(team.store)).keys()].filter((key) => key.endsWith('.sig'))
  const folder = waiting?.slice(0, waiting.lastIndexOf('/'))
  await team.store.put(`${folder}/${second.keyid}.sig`, Buffer.from('rubbish'), { absent: true })
  expect(await one()).toMatchObject({ outcome: 'approved', approvals: { have: 1, need: 2 } })
  expect(await two()).toMatchObject({ outcome: 'moved' })
})

/** Digest of the proposal that the attacker signed. */
async function digestOfEvil(team: Team, attacker: Signer): Promise<string> {
  const theirs = [...(await listing(team.store)).keys()].filter((key) =>
    key.endsWith(`/${attacker.keyid}.sig`),
  )
  expect(theirs).toHaveLength(1)
  return theirs[0]?.split('/')[2] ?? ''
}

type Custom = Readonly<Record<string, import('../../src/core/canonical.ts').Json>>

function edited(signed: TargetsSigned, change: (custom: Custom) => Custom): TargetsSigned {
  const target = signed.targets[STABLE.target] ?? {}
  const custom = change((target['custom'] ?? {}) as Custom)
  return { ...signed, targets: { ...signed.targets, [STABLE.target]: { ...target, custom } } }
}

function published(signed: TargetsSigned, publishedAt: string): TargetsSigned {
  return edited(signed, (custom) => ({
    ...custom,
    release: { ...(custom['release'] as Custom), publishedAt },
  }))
}
