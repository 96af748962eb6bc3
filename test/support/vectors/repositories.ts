/** The repositories of test/vectors: one that is right, and each other wrong in one thing, signed by fixed keys. */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { sha256Hex } from '../../../src/trust/digest.ts'
import type { Signer } from '../../../src/trust/key.ts'
import {
  encodeMetadata,
  metadataKey,
  type Signature,
  type Signed,
  signatureOf,
  splitMetadata,
} from '../../../src/trust/metadata.ts'
import { publicKey } from '../../../src/trust/public-key.ts'
import { type Forged, type ForgeOptions, forge, NOW, type RoleName, STABLE } from '../../trust/forge.ts'
import { bodyOf } from '../team.ts'

type Loose = Record<string, unknown>

export interface Repository extends ForgeOptions {
  readonly description: string
  readonly expect: string
  /** What happens to the store once all is signed. */
  readonly after?: (forged: Forged) => Promise<unknown>
}

/** A key that is the same in every run. */
function fixedSigner(name: string): Signer {
  const seed = Buffer.from(sha256Hex(`skillsctl test vectors: ${name}`), 'hex')
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const { x = '' } = createPublicKey(key).export({ format: 'jwk' })
  const half = publicKey(Buffer.from(x, 'base64url').toString('hex'))
  return { ...half, sign: (bytes) => sign(null, bytes, key).toString('hex') }
}

const KEYS = { root: fixedSigner('root'), online: fixedSigner('online'), release: fixedSigner('release') }
const STRANGER = fixedSigner('stranger')
/** Order of the group of Ed25519. */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

const change = (role: RoleName, made: (signed: Loose) => Loose): ForgeOptions => ({ edit: { [role]: made } })
const set = (role: RoleName, fields: Loose): ForgeOptions =>
  change(role, (signed) => ({ ...signed, ...fields }))
const signatures = (
  role: RoleName,
  made: (all: readonly Signature[]) => readonly Signature[],
): ForgeOptions => ({
  signatures: { [role]: made },
})

function delegation(fields: Loose): ForgeOptions {
  return change('targets', (signed) => {
    const { keys, roles } = signed['delegations'] as { keys: Loose; roles: readonly Loose[] }
    return { ...signed, delegations: { keys, roles: roles.map((role) => ({ ...role, ...fields })) } }
  })
}

function custom(fields: Loose): ForgeOptions {
  return change('stable', (signed) => {
    const file = (signed['targets'] as Record<string, Loose>)[STABLE.target] ?? {}
    const target = { ...file, custom: { ...(file['custom'] as Loose), ...fields } }
    return { ...signed, targets: { [STABLE.target]: target } }
  })
}

/** The next root, like the one before but for `fields`. */
function nextRoot(fields: Loose, signers: readonly Signer[], number = 2) {
  return async ({ store }: Forged): Promise<void> => {
    const first = splitMetadata(await bodyOf(store, metadataKey('root', 1)), 'root').signed
    const next = { ...first, version: number, ...fields } as Signed
    const bytes = encodeMetadata(
      next,
      signers.map((signer) => signatureOf(next, signer)),
    )
    await store.touch(metadataKey('root', number), bytes)
  }
}

/** Changes an object after it was signed. */
function rewritten(key: string, made: (text: string) => string) {
  return async ({ store }: Forged): Promise<void> =>
    store.touch(key, Buffer.from(made((await bodyOf(store, key)).toString('utf8'))))
}

function twin({ keyid, sig }: Signature): Signature {
  const bytes = Buffer.from(sig, 'hex')
  const scalar = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + ORDER
  const half = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse()
  return { keyid, sig: Buffer.concat([bytes.subarray(0, 32), half]).toString('hex') }
}

const TIMESTAMP = 'metadata/timestamp.json'
const alias = { ...KEYS.release, keyid: 'b'.repeat(64) }
const manyRoles = Object.fromEntries(
  Array.from({ length: 1001 }, (_, index) => [`r${index}`, { keyids: [], threshold: 1 }]),
)

export const REPOSITORIES: Readonly<Record<string, Repository>> = {
  plain: { description: 'a repository that is right', expect: 'ok' },
  'unknown-signed-fields': {
    description: 'fields of a newer version, signed like the rest',
    expect: 'ok',
    edit: Object.fromEntries(
      (['root', 'targets', 'stable', 'snapshot', 'timestamp'] as const).map((role) => [
        role,
        (signed: Loose) => ({ ...signed, 'x-later': { deep: [1, null, 'é'] } }),
      ]),
    ),
  },
  'unsigned-field-outside': {
    description: 'a field beside the signed part, which is nobody\u2019s promise',
    expect: 'ok',
    after: rewritten(TIMESTAMP, (text) => text.replace(/\}$/, ',"x-note":1}')),
  },
  'unsigned-field-in-meta': {
    description: 'an entry in the meta of the timestamp that was added after signing',
    expect: 'untrusted',
    after: rewritten(TIMESTAMP, (text) => text.replace('"meta":{', '"meta":{"a.json":{"version":1},')),
  },
  'signature-twin': {
    description: 'a signature whose scalar has the order of the group added',
    expect: 'untrusted',
    ...signatures('timestamp', (all) => all.map(twin)),
  },
  'signature-of-a-stranger': {
    description: 'a role signed by a key that the root does not list',
    expect: 'untrusted',
    signers: { stable: [STRANGER] },
  },
  'signature-missing': {
    description: 'a role that nobody signed',
    expect: 'untrusted',
    signers: { snapshot: [] },
  },
  'signed-part-changed': {
    description: 'a timestamp that was changed after signing',
    expect: 'untrusted',
    after: rewritten(TIMESTAMP, (text) => text.replace('"version":1,"x-heads"', '"version":2,"x-heads"')),
  },
  'one-key-under-two-ids': {
    description: 'a threshold of two, met by one public key under two key ids',
    expect: 'untrusted',
    ...change('targets', (signed) => {
      const { roles } = signed['delegations'] as { roles: readonly Loose[] }
      const keyids = [KEYS.release.keyid, alias.keyid]
      return {
        ...signed,
        delegations: {
          keys: { [KEYS.release.keyid]: KEYS.release.tuf, [alias.keyid]: alias.tuf },
          roles: roles.map((role) => ({ ...role, keyids, threshold: 2 })),
        },
      }
    }),
    signers: { stable: [KEYS.release, alias] },
  },
  'threshold-of-zero': {
    description: 'a channel that asks for no signature',
    expect: 'untrusted',
    ...delegation({ threshold: 0 }),
    signers: { stable: [] },
  },
  'channel-outside-its-directory': {
    description: 'a channel that is trusted for every path',
    expect: 'untrusted',
    ...delegation({ paths: ['*'] }),
  },
  'no-such-channel': {
    description: 'a repository without this channel',
    expect: 'absent',
    ...delegation({ name: 'canary', paths: ['canary/*'] }),
  },
  'files-in-top-level-targets': {
    description: 'top-level targets that list a file',
    expect: 'untrusted',
    ...set('targets', {
      targets: { 'stable/release.json': { length: 1, hashes: { sha256: 'd'.repeat(64) } } },
    }),
  },
  'expires-never': {
    description: 'a date that is none',
    expect: 'corrupt',
    ...set('stable', { expires: 'never' }),
  },
  'expires-with-fractions': {
    description: 'a date with milliseconds, on which other clients choke',
    expect: 'corrupt',
    ...set('snapshot', { expires: '2027-01-01T00:00:00.000Z' }),
  },
  'expired-timestamp': {
    description: 'a timestamp that has expired',
    expect: 'stale',
    ...set('timestamp', { expires: '2026-01-31T23:59:59Z' }),
  },
  'expired-channel': {
    description: 'a channel role that has expired',
    expect: 'stale',
    ...set('stable', { expires: '2026-01-31T23:59:59Z' }),
  },
  'no-consistent-snapshots': {
    description: 'a root with consistent snapshots off',
    expect: 'untrusted',
    ...set('root', { consistent_snapshot: false }),
  },
  'another-root': {
    description: 'a first root other than the one that was asked for',
    expect: 'untrusted',
    after: rewritten('metadata/1.root.json', (text) => `${text} `),
  },
  'next-root': {
    description: 'a second root, signed by the quorum of the first',
    expect: 'ok',
    after: nextRoot({}, [KEYS.root]),
  },
  'next-root-of-a-stranger': {
    description: 'a second root that is signed by its own new key only',
    expect: 'untrusted',
    after: nextRoot({}, [STRANGER]),
  },
  'next-root-with-another-number': {
    description: 'a third root under the name of the second',
    expect: 'untrusted',
    after: nextRoot({ version: 3 }, [KEYS.root]),
  },
  'next-root-expired': {
    description: 'a second root that has expired: the chain ends there',
    expect: 'stale',
    after: nextRoot({ expires: '2026-01-31T23:59:59Z' }, [KEYS.root]),
  },
  'root-after-a-gap': {
    description: 'a third root without a second: it is never asked for',
    expect: 'ok',
    after: nextRoot({}, [KEYS.root], 3),
  },
  'root-with-many-roles': {
    description: 'a second root with 1,001 roles: more than 1,000 members are not read',
    expect: 'corrupt',
    after: nextRoot({ roles: manyRoles }, [KEYS.root]),
  },
  'role-missing': {
    description: 'a role that the snapshot names and the store lacks',
    expect: 'missing',
    after: ({ store }) => store.remove('metadata/1.stable.json'),
  },
  'role-longer-than-signed': {
    description: 'a role with more bytes than the snapshot says',
    expect: 'corrupt',
    after: rewritten('metadata/1.stable.json', (text) => `${text} `),
  },
  'role-with-other-bytes': {
    description: 'a role with as many bytes as the snapshot says, but others',
    expect: 'corrupt',
    after: rewritten('metadata/1.stable.json', (text) => text.replace('"size":1', '"size":2')),
  },
  'not-json': {
    description: 'the page of a captive portal in the place of the timestamp',
    expect: 'corrupt',
    after: rewritten(TIMESTAMP, () => '<html>please sign in</html>'),
  },
  'no-timestamp': {
    description: 'an address without a repository',
    expect: 'absent',
    after: ({ store }) => store.remove(TIMESTAMP),
  },
  'requires-something-new': {
    description: 'a head that a client must know more for',
    expect: 'unsupported',
    ...custom({ requires: ['teleport'] }),
  },
  'requires-something-odd': {
    description: 'a requirement that is no text: not known either',
    expect: 'unsupported',
    ...custom({ requires: [{ toString: 1 }] }),
  },
  'version-is-a-path': {
    description: 'a version that would leave the directory of releases',
    expect: 'corrupt',
    ...custom({
      release: {
        version: '../../x',
        commit: 'c'.repeat(40),
        committedAt: '2026-01-01T00:00:00Z',
        publishedAt: '2026-01-01T00:00:00Z',
      },
    }),
  },
  'archive-elsewhere': {
    description: 'an archive that is not stored under its own digest',
    expect: 'corrupt',
    ...custom({ archive: { path: 'blobs/x', integrity: `sha256-${'A'.repeat(43)}=`, size: 1 } }),
  },
}

/** As the file in test/vectors/repositories holds it. */
export async function repositoryVector({
  description,
  expect,
  after,
  ...options
}: Repository): Promise<object> {
  const forged = await forge({ ...options, keys: KEYS })
  await after?.(forged)
  const objects: Record<string, string> = {}
  for (const key of forged.store.keys()) objects[key] = (await bodyOf(forged.store, key)).toString('utf8')
  const now = new Date(NOW).toISOString().replace('.000', '')
  return { description, now, root: forged.pin, channel: STABLE.name, objects, expect }
}
