/** Vectors that are one text: tokens, keys' signatures, history pages, settings. Written out, so that they can be read. */
import { canonicalJson, type Json } from '../../../src/core/canonical.ts'

interface Document {
  readonly description: string
  readonly expect: string
}

const SHA256 = 'a'.repeat(64)
const TOKEN = { channel: 'stable', root: { sha256: SHA256, version: 3 }, store: 's3://bucket/a?region=x' }
const token = (text: string): string => `skillsctl-join-1.${Buffer.from(text).toString('base64url')}`
const tokenOf = (fields: Json): string => token(canonicalJson(fields))

export const TOKENS: Readonly<Record<string, Document & { readonly token: string }>> = {
  plain: { description: 'store, root and channel', token: tokenOf(TOKEN), expect: 'ok' },
  'without-version': {
    description: 'a root by its digest only',
    token: tokenOf({ ...TOKEN, root: { sha256: SHA256 } }),
    expect: 'ok',
  },
  draft: { description: 'a draft', token: tokenOf({ ...TOKEN, channel: 'drafts/new-idea' }), expect: 'ok' },
  'cut-short': {
    description: 'a line that was not copied whole',
    token: tokenOf(TOKEN).slice(0, -4),
    expect: 'usage',
  },
  'another-version': {
    description: 'a token of a later version',
    token: tokenOf(TOKEN).replace('join-1', 'join-2'),
    expect: 'usage',
  },
  'version-zero': {
    description: 'a root version below one',
    token: tokenOf({ ...TOKEN, root: { sha256: SHA256, version: 0 } }),
    expect: 'usage',
  },
  'version-without-end': {
    description: 'a root version beyond every number',
    token: token(JSON.stringify(TOKEN).replace('"version":3', '"version":1e999')),
    expect: 'usage',
  },
  'root-in-capitals': {
    description: 'a digest in capital letters',
    token: tokenOf({ ...TOKEN, root: { sha256: SHA256.toUpperCase() } }),
    expect: 'usage',
  },
  'channel-traversal': {
    description: 'a channel that leaves its directory',
    token: tokenOf({ ...TOKEN, channel: 'drafts/../stable' }),
    expect: 'usage',
  },
  'channel-of-tuf': {
    description: 'a channel with the name of a TUF role',
    token: tokenOf({ ...TOKEN, channel: 'timestamp' }),
    expect: 'usage',
  },
  'without-store': {
    description: 'no store',
    token: tokenOf({ channel: 'stable', root: { sha256: SHA256 } }),
    expect: 'usage',
  },
  list: { description: 'a list in the place of an object', token: tokenOf([]), expect: 'usage' },
}

/** RFC 8032, 7.1, test 2. */
const PUBLIC = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'
const R = '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da'
const S = '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'
const SIGNED = { public: PUBLIC, message: '72', signature: R + S }

export const SIGNATURES: Readonly<Record<string, Document & typeof SIGNED>> = {
  plain: { description: 'test 2 of RFC 8032', ...SIGNED, expect: 'ok' },
  'another-message': { description: 'over another message', ...SIGNED, message: '73', expect: 'untrusted' },
  'another-key': {
    description: 'by another key (test 3 of RFC 8032)',
    ...SIGNED,
    public: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    expect: 'untrusted',
  },
  twin: {
    description: 'the scalar with the order of the group added: RFC 8032, 5.1.7 refuses it',
    ...SIGNED,
    signature: `${R}f52db7415978abc61b2c2eb6aeebfca0387b2eaeb4302aeeb00d291612bb0c10`,
    expect: 'untrusted',
  },
  short: { description: 'a byte short', ...SIGNED, signature: (R + S).slice(2), expect: 'untrusted' },
  long: { description: 'a byte long', ...SIGNED, signature: `${R}${S}00`, expect: 'untrusted' },
  empty: { description: 'nothing', ...SIGNED, signature: '', expect: 'untrusted' },
}

const ENTRY = {
  archive: { integrity: `sha256-${'A'.repeat(43)}=`, path: `blobs/00/${'0'.repeat(64)}.tar.gz`, size: 1 },
  changes: { added: ['a'], modified: [], more: 2, removed: [], renamed: [['b', 'c']] },
  manifest: { length: 10, sha256: 'd'.repeat(64) },
  release: {
    commit: 'c'.repeat(40),
    committedAt: '2026-01-01T00:00:00Z',
    publishedAt: '2026-01-01T00:00:01Z',
    version: '2026.01.01-ccccccc',
  },
}
const FORMAT = 'skillsctl-history/1'
const page = (fields: Json): string => canonicalJson(fields)

export const PAGES: Readonly<Record<string, Document & { readonly page: string }>> = {
  plain: {
    description: 'one entry, and a page before it',
    page: page({ entries: [ENTRY], format: FORMAT, older: ENTRY.manifest }),
    expect: 'ok',
  },
  last: {
    description: 'the first page of all',
    page: page({ entries: [ENTRY], format: FORMAT }),
    expect: 'ok',
  },
  full: {
    description: 'as many entries as fit',
    page: page({ entries: Array<Json>(100).fill(ENTRY), format: FORMAT }),
    expect: 'ok',
  },
  'too-full': {
    description: 'one entry too many',
    page: page({ entries: Array<Json>(101).fill(ENTRY), format: FORMAT }),
    expect: 'corrupt',
  },
  'unknown-field': {
    description: 'an entry with a field of a newer version',
    page: page({ entries: [{ ...ENTRY, 'x-later': [1] }], format: FORMAT }),
    expect: 'ok',
  },
  'unsafe-number': {
    description: 'a field of a newer version with a number that not every reader would read alike',
    page: page({ entries: [], format: FORMAT }).replace('"entries":[]', '"entries":[],"f":9007199254740993'),
    expect: 'corrupt',
  },
  'unknown-requirement': {
    description: 'an older release that needs a newer client can still be listed',
    page: page({ entries: [{ ...ENTRY, requires: ['teleport'] }], format: FORMAT }),
    expect: 'ok',
  },
  'newer-format': {
    description: 'a newer format',
    page: page({ entries: [], format: 'skillsctl-history/2' }),
    expect: 'unsupported',
  },
  'not-json': { description: 'no JSON', page: '{"entries":[', expect: 'corrupt' },
  'without-entries': { description: 'no entries', page: page({ format: FORMAT }), expect: 'corrupt' },
  'manifest-without-bytes': {
    description: 'a manifest of no length',
    page: page({ entries: [{ ...ENTRY, manifest: { ...ENTRY.manifest, length: 0 } }], format: FORMAT }),
    expect: 'corrupt',
  },
  'archive-elsewhere': {
    description: 'an archive under a digest that is not its own',
    page: page({
      entries: [{ ...ENTRY, archive: { ...ENTRY.archive, path: 'blobs/00/x.tar.gz' } }],
      format: FORMAT,
    }),
    expect: 'corrupt',
  },
  deep: {
    description: 'a field nested a hundred deep',
    page: page({ entries: [], format: FORMAT }).replace(
      '"entries":[]',
      `"entries":[],"f":${'['.repeat(100)}${']'.repeat(100)}`,
    ),
    expect: 'corrupt',
  },
}

export const CONFIGS: Readonly<Record<string, Document & { readonly config: string }>> = {
  plain: {
    description: 'every setting',
    config: JSON.stringify({
      $schema: 'x',
      store: 's3://b/p',
      root: `1:sha256:${SHA256}`,
      channel: 'canary',
      include: ['skills'],
      exclude: ['**/*.test.*'],
    }),
    expect: 'ok',
  },
  empty: { description: 'no setting', config: '{}', expect: 'ok' },
  typo: { description: 'a setting that does not exist', config: '{"chanel":"canary"}', expect: 'usage' },
  'prototype-setting': {
    description: 'a setting with the name of a property of every object',
    config: '{"__proto__":{"store":"s3://x"}}',
    expect: 'usage',
  },
  'text-for-list': {
    description: 'one pattern that is no list',
    config: '{"include":"skills"}',
    expect: 'usage',
  },
  'number-for-text': { description: 'a number for the store', config: '{"store":1}', expect: 'usage' },
  'endless-pattern': {
    description: 'a pattern longer than any path',
    config: JSON.stringify({ include: ['a'.repeat(4097)] }),
    expect: 'usage',
  },
  'not-json': { description: 'a comment', config: '{} // all of it', expect: 'usage' },
  list: { description: 'a list', config: '[]', expect: 'usage' },
}
