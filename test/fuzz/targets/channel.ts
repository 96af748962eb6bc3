/** What a channel's signed `custom` says, and the pages of its history. */
import { canonicalJson } from '../../../src/core/canonical.ts'
import {
  advance,
  archiveKey,
  channelOfTarget,
  pageFields,
  parseChannel,
  parseHead,
  parsePage,
  type ReleaseEntry,
} from '../../../src/core/channel.ts'
import { insist, json, type Target, text } from '../target.ts'

const DIGEST = { sha256: 'd'.repeat(64), length: 100 }

const ENTRY: ReleaseEntry = {
  release: {
    version: '2026.01.01-abcdef0',
    commit: 'abcdef0'.padEnd(40, '0'),
    committedAt: '2026-01-01T00:00:00Z',
    publishedAt: '2026-01-01T00:00:01Z',
    author: 'Ada',
  },
  archive: { path: archiveKey('0'.repeat(64)), integrity: `sha256-${'A'.repeat(43)}=`, size: 1 },
  changes: { added: ['a'], removed: [], modified: ['b'], renamed: [['c', 'd']], more: 3 },
  manifest: DIGEST,
}

export function channelTarget(): Target {
  const { manifest: _manifest, ...bare } = ENTRY
  const page = { entries: [ENTRY, ENTRY], older: DIGEST }
  return {
    name: 'channel',
    codes: ['corrupt', 'unsupported', 'usage'],
    seeds: [
      json('head', { ...bare, requires: [], history: [ENTRY], older: DIGEST, 'x-later': { deep: [1] } }),
      json('page', pageFields(page)),
      text('name', 'canary'),
      text('name', 'drafts/idea'),
      text('target', 'drafts/idea.release.json'),
      text('target', 'stable/release.json'),
    ],
    run({ kind, bytes }) {
      const input = bytes.toString('utf8')
      if (kind === 'head') checkHead(input)
      else if (kind === 'page') checkPage(input)
      else if (kind === 'name') checkName(input)
      else {
        const channel = channelOfTarget(input)
        insist(
          channel === undefined || channel.target === input,
          'a target belongs to the channel that has it',
        )
      }
    },
  }
}

function checkHead(input: string): void {
  let custom: unknown
  try {
    custom = JSON.parse(input)
  } catch {
    // Metadata that is no JSON never comes this far.
    return
  }
  const head = parseHead(custom, DIGEST, 'here')
  const next = advance(head, ENTRY, undefined, () => DIGEST)
  const moved = parseHead(next.custom, DIGEST, 'here')
  const [former] = moved.history
  insist(former !== undefined, 'the former head becomes history')
  const { raw: _raw, ...kept } = head
  insist(JSON.stringify(former) === JSON.stringify(kept.entry), 'the former head is in the history as it was')
}

function checkPage(input: string): void {
  const page = parsePage(input, 'here')
  const written = canonicalJson(pageFields(page))
  insist(
    canonicalJson(pageFields(parsePage(written, 'here'))) === written,
    'a page reads back as it was written',
  )
}

function checkName(input: string): void {
  const channel = parseChannel(input)
  insist(channelOfTarget(channel.target)?.name === input, 'a channel and its target name each other')
  insist(!channel.target.includes('..') || !channel.target.split('/').includes('..'), 'a target stays inside')
}
