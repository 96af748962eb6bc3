import nacl from 'tweetnacl'
import { expect, test } from 'vitest'
import { decodeToken, encodeToken, openSealed, parsePublicKey, parseSecretKey } from '../../src/index.ts'
import { formatSecretKey, isSignedBy, newSeed, signerFromSeed } from '../../src/trust/key.ts'
import { formatPublicKey, publicKey } from '../../src/trust/public-key.ts'
import { sealedPublicHex, sealSeed } from '../../src/trust/sealed-key.ts'
import { parseRootDigest } from '../../src/trust/token.ts'
import { PASSPHRASE as CHEAP_PASSPHRASE, cheaplySealed } from '../support/cheap-keys.ts'
import { newSigner } from '../support/team.ts'

const PASSPHRASE = 'correct horse caf\u00e9 staple'
/** RFC 8032, 7.1, test 2. */
const RFC_SEED = Buffer.from('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb', 'hex')
const RFC_PUBLIC = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'
const RFC_SIGNATURE =
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'

test('signs as RFC 8032 says', () => {
  const signer = signerFromSeed(RFC_SEED)
  expect(signer.tuf.keyval.public).toBe(RFC_PUBLIC)
  expect(signer.sign(Buffer.from('72', 'hex'))).toBe(RFC_SIGNATURE)
  expect(isSignedBy(signer, Buffer.from('72', 'hex'), RFC_SIGNATURE)).toBe(true)
  expect(isSignedBy(signer, Buffer.from('73', 'hex'), RFC_SIGNATURE)).toBe(false)
  expect(isSignedBy(newSigner(), Buffer.from('72', 'hex'), RFC_SIGNATURE)).toBe(false)
  for (const bad of ['', 'zz', RFC_SIGNATURE.slice(2), `${RFC_SIGNATURE}00`])
    expect(isSignedBy(signer, Buffer.from('72', 'hex'), bad)).toBe(false)
})

test('a good signature has no twin: a scalar beyond the order of the group is refused, as every TUF client does', () => {
  // RFC_SIGNATURE with the order of the group added to its second half. tweetnacl alone takes it.
  const twin = `${RFC_SIGNATURE.slice(0, 64)}f52db7415978abc61b2c2eb6aeebfca0387b2eaeb4302aeeb00d291612bb0c10`
  const message = Buffer.from('72', 'hex')
  expect(nacl.sign.detached.verify(message, Buffer.from(twin, 'hex'), Buffer.from(RFC_PUBLIC, 'hex'))).toBe(
    true,
  )
  expect(isSignedBy(publicKey(RFC_PUBLIC), message, twin)).toBe(false)
})

test('the key id is the digest of the canonical key object', () => {
  // printf '{"keytype":"ed25519","keyval":{"public":"3d40…"},"scheme":"ed25519"}' | sha256sum
  expect(publicKey(RFC_PUBLIC).keyid).toBe('eaf1e23f6c823132f437a2eaa299a7950f7386631deff273db195bbd26209e2b')
  expect(publicKey(RFC_PUBLIC).tuf).toEqual({
    keytype: 'ed25519',
    scheme: 'ed25519',
    keyval: { public: RFC_PUBLIC },
  })
})

test('keys go through their text forms, with and without a comment', () => {
  const signer = signerFromSeed(RFC_SEED)
  for (const comment of ['', 'acme ci', 'two  words\tand more']) {
    expect(parsePublicKey(formatPublicKey(signer, comment)).keyid).toBe(signer.keyid)
    expect(parseSecretKey(`${formatSecretKey(RFC_SEED, comment)}\n`, 'test').keyid).toBe(signer.keyid)
  }
})

test.each([
  '',
  'hello',
  'skillsctl-public-key-1:',
  `skillsctl-public-key-1:${RFC_PUBLIC.slice(1)}`,
  `skillsctl-public-key-1:${RFC_PUBLIC.toUpperCase()}`,
  `skillsctl-public-key-1:${RFC_PUBLIC}ff`,
  `skillsctl-public-key-2:${RFC_PUBLIC}`,
])('%j is no public key', (text) => {
  expect(() => parsePublicKey(text)).toThrowError(expect.objectContaining({ code: 'usage' }))
})

test('a broken secret key is refused without being repeated', () => {
  const secret = formatSecretKey(RFC_SEED).slice(0, -3)
  try {
    parseSecretKey(secret, 'SKILLSCTL_KEY')
    expect.unreachable()
  } catch (error) {
    expect(error).toMatchObject({ code: 'usage', subject: 'SKILLSCTL_KEY' })
    expect(JSON.stringify(error)).not.toContain(secret.slice(24))
    expect(String(error)).not.toContain(secret.slice(24))
  }
})

test('a sealed key opens with its passphrase, however its letters are composed', async () => {
  const seed = newSeed()
  const signer = signerFromSeed(seed)
  const text = await sealSeed(seed, PASSPHRASE)
  expect(text).not.toContain(Buffer.from(seed).toString('base64'))
  expect(sealedPublicHex(text, 'root')).toBe(signer.tuf.keyval.public)
  // Another keyboard composes its letters otherwise.
  expect((await openSealed(text, PASSPHRASE.normalize('NFD'), 'root')).keyid).toBe(signer.keyid)
})

test('a sealed key opens with no other passphrase, and tells a wrong one from damage', async () => {
  const text = cheaplySealed(newSeed())
  await expect(openSealed(text, `${CHEAP_PASSPHRASE}.`, 'root')).rejects.toMatchObject({ code: 'denied' })

  const fields = JSON.parse(text)
  const open = (change: object) =>
    openSealed(JSON.stringify({ ...fields, ...change }), CHEAP_PASSPHRASE, 'root')
  expect(await open({})).toMatchObject({ keyid: expect.any(String) })
  await expect(open({ public: RFC_PUBLIC })).rejects.toMatchObject({ code: 'corrupt' })
  await expect(open({ nonce: 'AAAA' })).rejects.toMatchObject({ code: 'corrupt' })
  await expect(open({ box: '§' })).rejects.toMatchObject({ code: 'corrupt' })
  await expect(open({ kdf: { ...fields.kdf, N: 2 ** 30 } })).rejects.toMatchObject({ code: 'corrupt' })
  await expect(open({ kdf: { ...fields.kdf, N: 131_073 } })).rejects.toMatchObject({ code: 'corrupt' })
  await expect(open({ kdf: { ...fields.kdf, N: 131_072, r: 32, p: 16 } })).rejects.toMatchObject({
    code: 'corrupt',
  })
  await expect(open({ format: { toString: 1 } })).rejects.toMatchObject({ code: 'unsupported' })
  await expect(open({ format: 'skillsctl-sealed-key/9' })).rejects.toMatchObject({ code: 'unsupported' })
  await expect(openSealed(text.slice(0, 100), CHEAP_PASSPHRASE, 'root')).rejects.toMatchObject({
    code: 'corrupt',
  })
})

const TOKEN = {
  store: 's3://bucket/a?region=x',
  root: { version: 3, sha256: 'a'.repeat(64) },
  channel: 'stable',
}

test('a token goes through its text form', () => {
  expect(decodeToken(encodeToken(TOKEN))).toEqual(TOKEN)
  expect(
    decodeToken(encodeToken({ ...TOKEN, channel: 'drafts/x', root: { sha256: TOKEN.root.sha256 } })),
  ).toMatchObject({ channel: 'drafts/x' })
  expect(encodeToken(TOKEN)).toMatch(/^skillsctl-join-1\.[A-Za-z0-9_-]+$/)
})

test('a token that was cut short anywhere is refused', () => {
  const whole = encodeToken(TOKEN)
  for (let length = 0; length < whole.length; length++)
    expect(() => decodeToken(whole.slice(0, length))).toThrowError(expect.objectContaining({ code: 'usage' }))
})

test.each<[string, unknown]>([
  ['a root that is no digest', { ...TOKEN, root: { sha256: 'x' } }],
  ['a root version below one', { ...TOKEN, root: { ...TOKEN.root, version: 0 } }],
  ['no store', { root: TOKEN.root, channel: 'stable' }],
  ['a channel that leaves its directory', { ...TOKEN, channel: '../x' }],
  ['a list', []],
])('a token with %s is refused', (_name, fields) => {
  const text = `skillsctl-join-1.${Buffer.from(JSON.stringify(fields)).toString('base64url')}`
  expect(() => decodeToken(text)).toThrowError(expect.objectContaining({ code: 'usage' }))
})

test('a root digest is written with and without a version', () => {
  const sha256 = 'b'.repeat(64)
  expect(parseRootDigest(`sha256:${sha256}`)).toEqual({ sha256 })
  expect(parseRootDigest(`7:sha256:${sha256}`)).toEqual({ version: 7, sha256 })
  const versions = ['x', '0', '9'.repeat(16), '9'.repeat(400)].map((version) => `${version}:sha256:${sha256}`)
  for (const text of ['', sha256, `sha256:${sha256.slice(1)}`, ...versions])
    expect(() => parseRootDigest(text)).toThrowError(expect.objectContaining({ code: 'usage' }))
})
