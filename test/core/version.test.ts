import { describe, expect, test } from 'vitest'
import { isError } from '../../src/core/errors.ts'
import { parseVersion, resolveVersion, versionName } from '../../src/core/version.ts'

const candidate = (version: string, commit: string, manifest: string) => ({
  version,
  commit: commit.padEnd(40, '0'),
  manifest: manifest.padEnd(64, '0'),
})
const KNOWN = [
  candidate('2026.11.20-3f2a9c1', '3f2a9c1', 'aaaa'),
  candidate('2026.11.20-3f2b000', '3f2b000', 'bbbb'),
  candidate('2026.11.21-77e1d04', '77e1d04', 'cccc'),
]
const [FIRST, , LAST] = KNOWN

function failure(wanted: string, known = KNOWN) {
  try {
    resolveVersion(wanted, known)
  } catch (error) {
    if (isError(error)) return error
  }
  throw new Error(`${wanted} was resolved`)
}

describe('version names', () => {
  test('are made of the UTC day and the short hash', () => {
    const commit = '3f2a9c1d'.repeat(5)
    expect(versionName(commit, '2026-11-20T23:59:59Z')).toBe('2026.11.20-3f2a9c1')
    expect(versionName(commit, '2026-11-20T23:59:59Z', 'deadbeef'.repeat(8))).toBe(
      '2026.11.20-3f2a9c1+deadbeef',
    )
  })

  test.each(['', '..', '2026.11.20-3f2a9c1/..', '2026.11.20-3F2A9C1', '2026.11.20-3f2a9c1\n', 5, null])(
    '%j is none: it would become the name of a directory',
    (value) => {
      expect(() => parseVersion(value)).toThrow(expect.objectContaining({ code: 'corrupt' }))
    },
  )
})

describe('finding a release', () => {
  test.each([
    ['the whole version', '2026.11.20-3f2a9c1', FIRST],
    ['a prefix of the version', '2026.11.21', LAST],
    ['a short commit', '77e1', LAST],
    ['a commit in capitals', '77E1D04', LAST],
    ['a whole commit', `3f2a9c1${'0'.repeat(33)}`, FIRST],
    ['a digest of the manifest', 'cccc0000', LAST],
  ])('by %s', (_, wanted, expected) => {
    expect(resolveVersion(wanted, KNOWN)).toBe(expected)
  })

  test('a prefix of several names them all with their digests', () => {
    expect(failure('2026.11.20')).toMatchObject({
      code: 'usage',
      found: '2026.11.20-3f2a9c1 (aaaa0000), 2026.11.20-3f2b000 (bbbb0000)',
    })
  })

  test('an exact name wins over longer ones that begin with it', () => {
    const draft = candidate('2026.11.20-3f2a9c1+deadbeef', '3f2a9c1', 'dddd')
    expect(resolveVersion('2026.11.20-3f2a9c1', [draft, ...KNOWN])).toBe(FIRST)
  })

  test('one release in two channels is still one', () => {
    const again = candidate('2026.11.21-77e1d04', '77e1d04', 'cccc')
    expect(resolveVersion('77e1d04', [...KNOWN, again])).toEqual(LAST)
  })

  test('two packings of one commit are told apart by the digest', () => {
    const other = candidate('2026.11.21-77e1d04', '77e1d04', 'eeee')
    expect(failure('2026.11.21-77e1d04', [...KNOWN, other])).toMatchObject({ code: 'usage' })
    expect(resolveVersion('eeee', [...KNOWN, other])).toBe(other)
  })

  test.each(['77e', '2', ''])('%j is too short to be meant', (wanted) => {
    expect(failure(wanted)).toMatchObject({ code: 'absent' })
  })

  test('an unknown name is answered with the near misses, best first', () => {
    expect(failure('2026.11.21-77e1d40').hint).toMatch(/^did you mean 2026\.11\.21-77e1d04 or /)
    expect(failure('77e1d05').hint).toMatch(/^did you mean 2026\.11\.21-77e1d04 or /)
    expect(failure('77e1d05', []).hint).toBe('no release is known yet')
  })
})
