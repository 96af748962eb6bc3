import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { canonicalJson, type JsonObject } from '../../src/core/canonical.ts'
import { NO_CHANGES } from '../../src/core/changes.ts'
import {
  advance,
  archiveKey,
  type ChannelHead,
  channelOfTarget,
  type DigestRef,
  type HistoryPage,
  historyKey,
  INLINE_HISTORY,
  isDraft,
  manifestKey,
  PAGE_ENTRIES,
  pageFields,
  parseChannel,
  parseHead,
  parsePage,
  type ReleaseEntry,
} from '../../src/core/channel.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** The `index`-th release of an imagined repository. */
function release(index: number): ReleaseEntry {
  const archive = sha256(`archive ${index}`)
  const commit = sha256(`commit ${index}`).slice(0, 40)
  return {
    release: {
      version: `2026.11.20-${commit.slice(0, 7)}`,
      commit,
      committedAt: '2026-11-20T09:00:00Z',
      publishedAt: '2026-11-20T09:01:00Z',
    },
    archive: {
      path: archiveKey(archive),
      integrity: `sha256-${Buffer.from(archive, 'hex').toString('base64')}`,
      size: 1 + index,
    },
    changes: NO_CHANGES,
    manifest: { sha256: sha256(`manifest ${index}`), length: 100 + index },
  }
}

function parsed(custom: JsonObject, entry: ReleaseEntry): ChannelHead {
  return parseHead(JSON.parse(JSON.stringify(custom)), entry.manifest, 'canary')
}

/** A channel with its pages in a map, as a store would keep them. */
class Publisher {
  readonly pages = new Map<string, string>()
  head: ChannelHead | undefined
  custom: JsonObject = {}

  publish(entry: ReleaseEntry): void {
    const { custom } = advance(this.head, entry, this.page(this.head?.older), (page) => this.store(page))
    this.custom = custom
    this.head = parsed(custom, entry)
  }

  page(ref: DigestRef | undefined): HistoryPage | undefined {
    const text = ref && this.pages.get(ref.sha256)
    return text === undefined ? undefined : parsePage(text, 'page')
  }

  /** Everything that a reader finds from the head on, newest first. */
  chain(): ReleaseEntry[] {
    if (this.head === undefined) return []
    const entries = [this.head.entry, ...this.head.history]
    for (let { older } = this.head as { older: DigestRef | undefined }; older !== undefined; ) {
      const page = this.page(older)
      if (page === undefined) throw new Error('a page is missing')
      entries.push(...page.entries)
      older = page.older
    }
    return entries
  }

  private store(page: HistoryPage): DigestRef {
    const text = canonicalJson(pageFields(page))
    const ref = { sha256: sha256(text), length: Buffer.byteLength(text) }
    this.pages.set(ref.sha256, text)
    return ref
  }
}

const corrupt = expect.objectContaining({ code: 'corrupt' })

describe('channel names', () => {
  test.each([
    ['canary', 'canary', 'canary/release.json'],
    ['stable', 'stable', 'stable/release.json'],
    ['team-a', 'team-a', 'team-a/release.json'],
    ['drafts/ada.1', 'drafts', 'drafts/ada.1.release.json'],
  ])('%s is signed by %s, in %s', (name, role, target) => {
    const channel = parseChannel(name)
    expect(channel).toEqual({ name, role, target })
    expect(channelOfTarget(target)).toEqual(channel)
    expect(isDraft(channel)).toBe(role === 'drafts')
  })

  test.each([
    ...['root', 'targets', 'snapshot', 'timestamp', 'drafts'],
    ...['', 'Canary', '1', 'a/b', 'drafts/', 'drafts/../x', 'drafts/a/b', 'drafts/.a', 'a\n', '../a'],
    `drafts/${'x'.repeat(65)}`,
  ])('%j is none', (name) => {
    expect(() => parseChannel(name)).toThrow(expect.objectContaining({ code: 'usage' }))
  })

  test.each([
    ...[
      '',
      'canary',
      'canary/other.json',
      'canary/x.release.json',
      'drafts/release.json',
      'x/y/release.json',
    ],
    ...['root/release.json', 'timestamp/release.json', '../canary/release.json'],
  ])('the target %j belongs to none', (target) => {
    expect(channelOfTarget(target)).toBeUndefined()
  })

  test('keys of objects hold their digest', () => {
    const draft = parseChannel('drafts/ada')
    expect(manifestKey(draft, 'abc')).toBe('targets/drafts/abc.ada.release.json')
    expect(manifestKey(parseChannel('canary'), 'abc')).toBe('targets/canary/abc.release.json')
    expect(historyKey(draft, 'abc')).toBe('history/drafts/ada/abc.json')
    expect(archiveKey('abc')).toBe('blobs/ab/abc.tar.gz')
  })
})

describe('a channel that moves', () => {
  test('never loses, repeats or reorders a release over hundreds of advances, and its metadata stays small', () => {
    const publisher = new Publisher()
    const expected: string[] = []
    const total = 2 * PAGE_ENTRIES + INLINE_HISTORY + 5
    for (let index = 0; index < total; index++) {
      publisher.publish(release(index))
      expected.unshift(release(index).manifest.sha256)
      expect(canonicalJson(publisher.custom).length).toBeLessThan(10_000)
      expect(publisher.head?.history.length).toBe(Math.min(index, INLINE_HISTORY))
      // The whole chain is read around each boundary, and at the end.
      const boundary =
        index % PAGE_ENTRIES >= INLINE_HISTORY - 1 && index % PAGE_ENTRIES <= INLINE_HISTORY + 3
      if (boundary || index === total - 1)
        expect(publisher.chain().map(({ manifest }) => manifest.sha256)).toEqual(expected)
    }
    expect(publisher.chain().at(-1)).toEqual(release(0))
    const sizes: number[] = []
    for (let page = publisher.page(publisher.head?.older); page; page = publisher.page(page.older))
      sizes.push(page.entries.length)
    expect(sizes).toEqual([4, PAGE_ENTRIES, PAGE_ENTRIES])
  })

  test('starts a new page when the caller did not read the one before', () => {
    const publisher = new Publisher()
    for (let index = 0; index < 15; index++) publisher.publish(release(index))
    const { head } = publisher
    const { page } = advance(head, release(15), undefined, () => ({ sha256: sha256('x'), length: 1 }))
    expect(page?.entries).toHaveLength(1)
    expect(page?.older).toEqual(head?.older)
  })

  test('continues no page that is full', () => {
    const full = {
      entries: Array.from({ length: PAGE_ENTRIES }, (_, index) => release(index)),
      older: undefined,
    }
    const publisher = new Publisher()
    for (let index = 0; index <= INLINE_HISTORY; index++) publisher.publish(release(500 + index))
    const { page } = advance(publisher.head, release(999), full, () => ({ sha256: sha256('x'), length: 1 }))
    expect(page?.entries).toEqual([release(500)])
  })

  test('carries fields of a newer skillsctl along', () => {
    const { custom } = advance(undefined, release(0), undefined, () => ({ sha256: '', length: 0 }))
    const head = parsed({ ...custom, 'x-later': { deep: [1] } }, release(0))
    const next = advance(head, release(1), undefined, () => ({ sha256: '', length: 0 }))
    expect(next.custom).toMatchObject({
      'x-later': { deep: [1] },
      release: { commit: release(1).release.commit },
    })
  })
})

describe('reading a head', () => {
  const { custom } = advance(undefined, release(7), undefined, () => ({ sha256: '', length: 0 }))
  const read = (change: Readonly<Record<string, unknown>>) => () =>
    parseHead({ ...custom, ...change }, release(7).manifest, 'canary')

  test('gives back what was published', () => {
    expect(read({})().entry).toEqual(release(7))
  })

  test('knows the author of each release that has one, now and once it is history', () => {
    const publisher = new Publisher()
    const named = { ...release(1), release: { ...release(1).release, author: 'Ada' } }
    for (const entry of [release(0), named, release(2)]) publisher.publish(entry)
    expect(publisher.chain().map(({ release }) => release.author)).toEqual([undefined, 'Ada', undefined])
    expect(canonicalJson(publisher.custom).match(/author/g)).toHaveLength(1)
  })

  test('stops at a requirement that it does not know, whatever else it says', () => {
    const unsupported = expect.objectContaining({ code: 'unsupported', found: 'requires zstd' })
    expect(read({ requires: ['zstd'] })).toThrow(unsupported)
    expect(read({ requires: ['zstd'], archive: 'of another shape' })).toThrow(unsupported)
    expect(read({ requires: [{}] })).toThrow(expect.objectContaining({ code: 'unsupported' }))
  })

  test.each([
    ['an archive under another name', { archive: { ...release(7).archive, path: archiveKey(sha256('x')) } }],
    ['an archive outside of blobs', { archive: { ...release(7).archive, path: '../secret' } }],
    ['an archive without size', { archive: { ...release(7).archive, size: 0 } }],
    ['an archive beyond all measure', { archive: { ...release(7).archive, size: 2 ** 40 } }],
    ['a version that is a path', { release: { ...release(7).release, version: '../x' } }],
    ['an abbreviated commit', { release: { ...release(7).release, commit: 'abc' } }],
    ['a time that never is', { release: { ...release(7).release, committedAt: '2026-13-01T00:00:00Z' } }],
    ['an author who steers terminals', { release: { ...release(7).release, author: 'A\u001b[2J' } }],
    ['an author of 10 kB', { release: { ...release(7).release, author: 'A'.repeat(10_240) } }],
    ['a history that is no list', { history: {} }],
    ['a history with a hole', { history: [null] }],
    ['requirements that are no list', { requires: 'none' }],
    ['an older page without digest', { older: { length: 5 } }],
    ['an older page beyond all measure', { older: { sha256: sha256('x'), length: 2 ** 30 } }],
  ])('%s is corrupt', (_, change) => {
    expect(read(change)).toThrow(corrupt)
  })

  test('a page of a newer format is unsupported, one with too many entries corrupt', () => {
    expect(() => parsePage('{"format":"skillsctl-history/2"}', 'page')).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    )
    const entries = Array.from({ length: PAGE_ENTRIES + 1 }, (_, index) => release(index))
    expect(() => parsePage(canonicalJson(pageFields({ entries, older: undefined })), 'page')).toThrow(corrupt)
    expect(() => parsePage('{', 'page')).toThrow(corrupt)
  })
})
