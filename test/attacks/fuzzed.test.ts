/** What the fuzzer has found (test/fuzz), each at the place where it hurt. More of it lies in test/vectors. */
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { decodeCatchup } from '../../src/archive/catchup.ts'
import { readState } from '../../src/home/state.ts'
import { inspect, inspectRepository, promote } from '../../src/index.ts'
import { openStore } from '../../src/store/open.ts'
import { meaningOf } from '../../src/store/s3-error.ts'
import { openApprovals } from '../../src/trust/approval.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import {
  encodeMetadata,
  metadataKey,
  type Signed,
  signatureOf,
  signedBytes,
} from '../../src/trust/metadata.ts'
import { keySet } from '../../src/trust/root.ts'
import { Verifier } from '../../src/trust/verifier.ts'
import { readRepository } from '../../src/trust/view.ts'
import { bodyOf, CANARY, createTeam, newSigner, STABLE, temporaryDirectory } from '../support/team.ts'
import { forge, NOW } from '../trust/forge.ts'

describe('a root that nobody has signed', () => {
  const many = (entry: object) =>
    Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`n${index}`, entry]))

  test.each([
    ['roles', { keys: {}, roles: many({ keyids: [], threshold: 1 }) }],
    ['keys', { keys: many({ keytype: 'x', scheme: 'x', keyval: {} }), roles: {} }],
  ])('and lists %s without end is not even read', async (_name, lists) => {
    const { store } = await forge()
    const verifier = new Verifier(await bodyOf(store, metadataKey('root', 1)), NOW)
    const bytes = Buffer.from(JSON.stringify({ signed: { _type: 'root', ...lists }, signatures: [] }))
    const refusal = { code: 'corrupt', expected: 'at most 1000 members' }
    expect(() => verifier.updateRoot(bytes)).toThrow(expect.objectContaining(refusal))
  })
})

describe('an approval in the store', () => {
  async function pair() {
    const second = newSigner()
    const team = await createTeam({
      keySet: ({ release }) => ({ stable: { keys: [release, second], threshold: 2 } }),
      others: [second],
    })
    await team.commit({ 'skills/a/SKILL.md': '# a\n' })
    await team.publish()
    const by = (signer: typeof second) =>
      promote(team.publisher({ signers: [signer] }), 'canary', STABLE, async () => true)
    return { team, one: () => by(team.keys.release), two: () => by(second) }
  }

  test('with a signature that only a lenient verifier takes is void, and harms nobody', async () => {
    const { team, one, two } = await pair()
    await one()
    const keys: string[] = []
    for await (const { key } of team.store.list('approvals/')) if (key.endsWith('.sig')) keys.push(key)
    for (const key of keys) {
      const sig = (await bodyOf(team.store, key)).toString().trim()
      await team.store.touch(key, Buffer.from(`${twinOf(sig)}\n`))
    }
    expect(await two()).toMatchObject({ outcome: 'approved', approvals: { have: 1, need: 2 } })
    const { view } = await readRepository({ store: team.store, pin: team.root })
    expect(await view.head(STABLE)).toBeUndefined()
    expect(await view.head(CANARY)).toBeDefined()
  })

  test.each([
    ['expires at something that is no text', { expires: { toString: 1 } }],
    ['is nested without end', { x: JSON.parse('['.repeat(500) + ']'.repeat(500)) }],
  ])('that %s is passed over', async (_name, change) => {
    const { team } = await pair()
    const { view } = await readRepository({ store: team.store, pin: team.root })
    const current = await view.role('stable')
    const bytes = signedBytes({ ...current, version: 2, ...change } as Signed)
    const place = `approvals/stable/${sha256Hex(bytes)}`
    await team.store.touch(`${place}/role.json`, bytes)
    await team.store.touch(
      `${place}/${team.keys.release.keyid}.sig`,
      Buffer.from(team.keys.release.sign(bytes)),
    )
    const holders = keySet(view).channels['stable'] ?? { keys: [], threshold: 2 }
    expect(await openApprovals(team.store, view, 'stable', holders, team.clock.now())).toEqual([])
  })
})

describe('a store', () => {
  test.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'that calls its error %s means what its status says',
    (name) => {
      expect(meaningOf({ name, status: 403 })[0]).toBe('denied')
      expect(meaningOf({ name, status: 503 })[0]).toBe('unreachable')
    },
  )

  test.each([
    's3://bucket/p?endpoint=localhost',
    's3://bucket/p?endpoint=',
    's3://bucket/p?endpoint=http://[',
    's3://bucket/p?endpoint=file:///etc',
  ])('at %s is a mistake of whoever wrote it', async (url) => {
    await expect(openStore(url)).rejects.toMatchObject({ code: 'usage' })
  })

  test('without a word after "region=" is in the usual one', async () => {
    vi.stubEnv('AWS_REGION', undefined)
    onTestFinished(() => void vi.unstubAllEnvs())
    const store = await openStore('s3://bucket/p?endpoint=http://localhost:9&region=')
    store.close()
  })

  test('that lists the same page for ever is given up', async () => {
    const page =
      '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>a</NextContinuationToken></ListBucketResult>'
    const server = createServer((_, response) => response.end(page)).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'id')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
    onTestFinished(() => {
      vi.unstubAllEnvs()
      server.close()
    })
    const address = server.address()
    if (address === null || typeof address === 'string') return expect.unreachable()
    const { openS3Store } = await import('../../src/store/s3.ts')
    const store = await openS3Store(`s3://bucket/p?endpoint=http://127.0.0.1:${address.port}`)
    onTestFinished(() => store.close())
    const listing = async () => {
      for await (const _object of store.list('approvals/')) expect.unreachable()
    }
    await expect(listing()).rejects.toMatchObject({ code: 'failed' })
  })
})

describe('a catch-up bundle, which nobody has signed,', () => {
  const bundle = (manifest: string): Buffer => {
    const index = deflateRawSync(`{"format":"skillsctl-catchup/1","metadata":{},"manifest":${manifest}}`)
    return Buffer.concat([Buffer.from(`skillsctl-catchup/1 ${index.length}\n`), index])
  }

  test('nested without end costs a request, not the update', async () => {
    const team = await createTeam()
    await team.ship({ 'skills/a/SKILL.md': '# a\n' })
    const machine = await team.joined()
    await team.ship({ 'skills/a/SKILL.md': '# b\n' })
    const deep = bundle(
      `{"fields":{"x":${'['.repeat(50_000)}${']'.repeat(50_000)}},"changed":[],"removed":[]}`,
    )
    for await (const { key } of team.store.list('catchup/')) await team.store.touch(key, deep)
    expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
  })

  test('that inflates to more than any honest one is not parsed', () => {
    const wide = bundle(`{"fields":{"x":[${'[],'.repeat(1_500_000)}1]},"changed":[],"removed":[]}`)
    expect(wide.length).toBeLessThan(10_000)
    expect(() => decodeCatchup(wide)).toThrow(expect.objectContaining({ code: 'corrupt' }))
  })
})

test('a tag in the state that could never be sent costs a request, no more', async () => {
  const team = await createTeam()
  await team.ship({ 'skills/a/SKILL.md': '# a\n' })
  const { layout } = await team.joined()
  const state = await readState(layout)
  for (const etag of ['"\ufffd"', '"a\r\nx: y"', '"\u0100"']) {
    await writeFile(layout.state, JSON.stringify({ ...state, probe: { ...state.probe, etag } }))
    expect((await readState(layout)).probe).toBeUndefined()
  }
  await writeFile(layout.state, JSON.stringify({ ...state, probe: { ...state.probe, etag: 'W/"ÿ"' } }))
  expect((await readState(layout)).probe).toMatchObject({ etag: 'W/"ÿ"' })
})

describe('inspect', () => {
  const inspected = async (content: string | Buffer) => {
    const team = await createTeam()
    const path = join(await temporaryDirectory(), 'document')
    await writeFile(path, content)
    return inspect(path, (await team.machine()).layout)
  }

  test.each([
    ['no roles', {}],
    ['roles that are no object', { roles: 1, keys: [] }],
    ['keys that are none', { roles: { root: { keyids: ['a'], threshold: 1 } }, keys: { a: {} } }],
    ['a number that cannot be signed', { version: 1.5 }],
  ])('a root with %s: it says so, or that it is not signed', async (_name, change) => {
    const signed = { _type: 'root', version: 1, expires: '2027-01-01T00:00:00Z', ...change }
    const signatures = [{ keyid: 'a', sig: 'b' }]
    const report = inspected(JSON.stringify({ signed, signatures }))
    const verdict = await report.then(
      ({ checks }) => checks.map(({ ok }) => ok),
      (error: unknown) => error,
    )
    expect([[false], expect.objectContaining({ code: 'corrupt' })]).toContainEqual(verdict)
  })

  test('an archive that is none is corrupt, and no fault of this machine', async () => {
    await expect(inspected(Buffer.from([0x1f, 0x8b, 8, 0, 1]))).rejects.toMatchObject({ code: 'corrupt' })
  })

  test("another tool's repository, without hints, is shown as well", async () => {
    const { store, pin } = await forge({ edit: { timestamp: ({ 'x-heads': _hints, ...rest }) => rest } })
    expect(await inspectRepository(store, pin, NOW)).toMatchObject({ kind: 'repository' })
  })
})

test('a timestamp with fields that tuf-js drops unread, and nobody has signed, is untrusted', async () => {
  const { store, keys } = await forge()
  const bytes = await bodyOf(store, 'metadata/timestamp.json')
  const { signed } = JSON.parse(bytes.toString())
  const verifier = new Verifier(await bodyOf(store, metadataKey('root', 1)), NOW)
  const signatures = [signatureOf(signed, keys.online)]
  const more = encodeMetadata({ ...signed, meta: { ...signed.meta, 'x.json': { version: 1 } } }, signatures)
  expect(() => verifier.updateTimestamp(more)).toThrow(expect.objectContaining({ code: 'untrusted' }))
})

/** The same signature with the order of Ed25519's group added to its scalar. */
function twinOf(signature: string): string {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const bytes = Buffer.from(signature, 'hex')
  const scalar = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + order
  const half = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse()
  return Buffer.concat([bytes.subarray(0, 32), half]).toString('hex')
}
