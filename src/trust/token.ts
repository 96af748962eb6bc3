/** The join token: everything a machine needs to find a repository and to trust it, in one line. */
import { canonicalJson } from '../core/canonical.ts'
import { parseChannel } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import { integer, object, optional, parseJson, SHA256_HEX, string } from '../core/parse.ts'
import type { RootPin } from './root-chain.ts'

const PREFIX = 'skillsctl-join-1.'

export interface JoinToken {
  readonly store: string
  readonly root: RootPin
  readonly channel: string
}

export function isToken(text: string): boolean {
  return text.startsWith('skillsctl-join-')
}

export function encodeToken({ store, root, channel }: JoinToken): string {
  const { version, sha256 } = root
  const fields = { store, root: version === undefined ? { sha256 } : { version, sha256 }, channel }
  return PREFIX + Buffer.from(canonicalJson(fields), 'utf8').toString('base64url')
}

/** @throws SkillsctlError `usage` */
export function decodeToken(text: string): JoinToken {
  try {
    if (!text.startsWith(PREFIX))
      throw new SkillsctlError('usage', 'the token has another version', { expected: PREFIX })
    const json = Buffer.from(text.slice(PREFIX.length), 'base64url').toString('utf8')
    const fields = object(parseJson(json, 'token'), 'token')
    const root = object(fields['root'], 'token: root')
    return {
      store: string(fields['store'], 'token: store'),
      root: {
        version: optional(root['version'], 'token: root.version', (value, subject) =>
          integer(value, subject, 1),
        ),
        sha256: string(root['sha256'], 'token: root.sha256', SHA256_HEX),
      },
      channel: parseChannel(string(fields['channel'], 'token: channel')).name,
    }
  } catch (cause) {
    throw new SkillsctlError('usage', 'this is not a whole join token', {
      found: text.length > 40 ? `${text.slice(0, 40)}… (${text.length} characters)` : text,
      hint: 'copy the whole line that "skillsctl init" or "skillsctl keys rotate" printed',
      cause,
    })
  }
}

/** `sha256:<hex>`, as `--root` takes it. @throws SkillsctlError `usage` */
export function parseRootDigest(text: string): RootPin {
  const [, version, sha256] = /^(?:(\d+):)?sha256:([0-9a-f]{64})$/.exec(text) ?? []
  if (sha256 === undefined || (version !== undefined && !isVersion(Number(version)))) {
    throw new SkillsctlError('usage', 'this is not the digest of a root', {
      subject: text,
      expected: 'sha256:<64 hex digits>',
    })
  }
  return version === undefined ? { sha256 } : { version: Number(version), sha256 }
}

function isVersion(version: number): boolean {
  return Number.isSafeInteger(version) && version >= 1
}
