/** A channel's head and what came before it, as this machine has verified it last: without asking anybody. */
import { type Channel, type ChannelHead, parseHead } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import { integer, object, SHA256_HEX, string } from '../core/parse.ts'
import { splitMetadata } from '../trust/metadata.ts'
import type { TrustCache } from '../trust/trust-cache.ts'

/** Undefined where nothing was verified yet, or where a bad disk has damaged it: the next pull learns it anew. */
export async function knownHead(
  cache: TrustCache,
  { role, target }: Channel,
): Promise<ChannelHead | undefined> {
  const bytes = await cache.read(role)
  if (bytes === undefined) return undefined
  const subject = `trust/${role}.json`
  try {
    const targets = object(splitMetadata(bytes, subject).signed['targets'], subject)
    if (targets[target] === undefined) return undefined
    const { custom, length, hashes } = object(targets[target], subject)
    const { sha256 } = object(hashes, subject)
    return parseHead(
      custom,
      { sha256: string(sha256, subject, SHA256_HEX), length: integer(length, subject) },
      subject,
    )
  } catch (error) {
    if (error instanceof SkillsctlError) return undefined
    throw error
  }
}
