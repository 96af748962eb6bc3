/** What a person pastes: join tokens, digests of roots, addresses of stores. */
import { openStore } from '../../../src/store/open.ts'
import { decodeToken, encodeToken, parseRootDigest } from '../../../src/trust/token.ts'
import { insist, json, type Target, text } from '../target.ts'

const TOKEN = {
  store: 'https://skills.example/acme',
  root: { version: 3, sha256: 'a'.repeat(64) },
  channel: 'stable',
}

export function tokenTarget(): Target {
  const fields = {
    channel: 'drafts/idea',
    root: { sha256: 'b'.repeat(64), version: 1 },
    store: 's3://bucket/prefix',
  }
  return {
    name: 'token',
    codes: ['usage'],
    seeds: [
      text('token', encodeToken(TOKEN)),
      json('fields', fields),
      json('fields', { ...fields, root: { sha256: 'c'.repeat(64) } }),
      text('root', `sha256:${'e'.repeat(64)}`),
      text('root', `12:sha256:${'e'.repeat(64)}`),
      ...[
        's3://bucket/p?endpoint=http://localhost:9&region=auto',
        'https://h.example/x?t=1',
        'file:///nowhere',
      ].map((url) => text('store', url)),
    ],
    async run({ kind, bytes }) {
      const input = bytes.toString('utf8')
      if (kind === 'store') return (await openStore(input)).close()
      if (kind === 'root') {
        const root = parseRootDigest(input)
        // Whatever may be given as a root may also be handed on in a token.
        insist(
          decodeToken(encodeToken({ ...TOKEN, root })).root.sha256 === root.sha256,
          'a root fits into a token',
        )
        return
      }
      const token = decodeToken(kind === 'token' ? input : `skillsctl-join-1.${bytes.toString('base64url')}`)
      const again = decodeToken(encodeToken(token))
      insist(JSON.stringify(again) === JSON.stringify(token), 'a token reads back as it was written')
    },
  }
}
