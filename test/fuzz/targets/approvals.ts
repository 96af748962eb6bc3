/** Proposals and signatures that lie in the store, where anybody who can write to it may have put them. */
import { createPublicKey, verify } from 'node:crypto'
import { parseChannel } from '../../../src/core/channel.ts'
import { promote } from '../../../src/flows/promote.ts'
import { completed, openApprovals, sameContent } from '../../../src/trust/approval.ts'
import { sha256Hex } from '../../../src/trust/digest.ts'
import { signedBytes } from '../../../src/trust/metadata.ts'
import type { PublicKey } from '../../../src/trust/public-key.ts'
import { keySet } from '../../../src/trust/root.ts'
import { readRepository } from '../../../src/trust/view.ts'
import { MemoryStore } from '../../support/memory-store.ts'
import { bodyOf, CANARY, createTeam, STABLE, type Team } from '../../support/team.ts'
import { insist, type Target } from '../target.ts'

/** Kinds: `role`, a proposal that a holder of one key has signed; `signature`, one of those; `flow`, both in a promotion. */
export async function approvalsTarget(): Promise<Target> {
  const team = await createTeam({
    keySet: ({ ci, release }) => ({ stable: { keys: [ci, release], threshold: 2 } }),
  })
  await team.commit({ 'skills/a/SKILL.md': '# a\n' })
  await team.publish()
  const proposed = await firstApproval(team)
  const signature = team.keys.release.sign(proposed)
  return {
    name: 'approvals',
    codes: ['corrupt', 'refused', 'untrusted'],
    seeds: [
      { kind: 'role', format: 'json', bytes: proposed },
      { kind: 'flow', format: 'json', bytes: proposed },
      { kind: 'signature', format: 'bytes', bytes: Buffer.from(`${signature}\n`) },
      { kind: 'signature', format: 'bytes', bytes: Buffer.from(`${twinOf(signature)}\n`) },
    ],
    async run({ kind, bytes }) {
      const store = await copyOf(team)
      const body = kind === 'signature' ? proposed : bytes
      const text = kind === 'signature' ? bytes : Buffer.from(team.keys.release.sign(body))
      const place = `approvals/stable/${sha256Hex(body)}`
      await store.touch(`${place}/role.json`, body)
      await store.touch(`${place}/${team.keys.release.keyid}.sig`, text)
      await checkOpen(team, store)
      if (kind === 'flow') await promoteBySecond(team, store)
    },
  }
}

async function checkOpen(team: Team, store: MemoryStore): Promise<void> {
  const { view } = await readRepository({ store, pin: team.root })
  const holders = keySet(view).channels['stable'] ?? { keys: [], threshold: 2 }
  const current = await view.role('stable')
  for (const approval of await openApprovals(store, view, 'stable', holders, team.clock.now())) {
    sameContent(approval.signed, current)
    insist(completed(approval, holders) === undefined, 'one signer is no quorum')
    for (const { keyid, sig } of approval.signatures) {
      const key = holders.keys.find((holder) => holder.keyid === keyid)
      insist(
        key !== undefined && isGood(key, signedBytes(approval.signed), sig),
        'machines accept what we accept',
      )
    }
  }
}

/** Whatever lies there, the second signer's promotion ends in a repository that verifies. */
async function promoteBySecond(team: Team, store: MemoryStore): Promise<void> {
  try {
    await promote(team.publisher({ signers: [team.keys.ci], store }), 'canary', STABLE, async () => true)
  } finally {
    const { view } = await readRepository({ store, pin: team.root })
    await view.head(parseChannel('stable'))
    await view.head(CANARY)
  }
}

async function firstApproval(team: Team): Promise<Buffer> {
  const store = await copyOf(team)
  const first = team.publisher({ signers: [team.keys.release], store })
  await promote(first, 'canary', STABLE, async () => true)
  const key = store.keys().find((name) => name.endsWith('/role.json'))
  if (key === undefined) throw new Error('nobody approved')
  return bodyOf(store, key)
}

async function copyOf({ store, clock }: Team): Promise<MemoryStore> {
  const copy = new MemoryStore({ now: clock.now })
  for await (const { key } of store.list('')) await copy.touch(key, await bodyOf(store, key))
  return copy
}

/** As every TUF client judges it. */
function isGood({ tuf }: PublicKey, bytes: Buffer, sig: string): boolean {
  const x = Buffer.from(tuf.keyval.public, 'hex').toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return verify(null, bytes, key, Buffer.from(sig, 'hex'))
}

/** Order of the group of Ed25519 (RFC 8032, section 5.1). */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n

/** The same signature with the order added to its scalar: RFC 8032 refuses it, a lenient verifier does not. */
function twinOf(signature: string): string {
  const bytes = Buffer.from(signature, 'hex')
  const scalar = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + ORDER
  const twin = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse()
  return Buffer.concat([bytes.subarray(0, 32), twin]).toString('hex')
}
