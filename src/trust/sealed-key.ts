/** The root key at rest: a seed sealed with a passphrase (SPEC.md, "Keys"): scrypt, then secretbox. */
import { randomBytes, scrypt } from 'node:crypto'
import nacl from 'tweetnacl'
import { SkillsctlError } from '../core/errors.ts'
import { describe, integer, object, parseJson, string } from '../core/parse.ts'
import { type Signer, signerFromSeed } from './key.ts'
import { PUBLIC_HEX } from './public-key.ts'

const FORMAT = 'skillsctl-sealed-key/1'
/** About half a second and 128 MB on a laptop: dear for a guesser, bearable for a ceremony. */
const COST = { N: 131_072, r: 8, p: 1 }
const MEMORY = 512 * 1024 * 1024
/** As much as `MEMORY` allows, four times over: a few seconds. `N * r * p`. */
const DEAREST = 2 ** 24
const BASE64 = /^[A-Za-z0-9+/]+=*$/
export const SHORTEST_PASSPHRASE = 12

/** @returns the text of a key file. @throws SkillsctlError `usage` for a passphrase that is too short */
export async function sealSeed(seed: Uint8Array, passphrase: string): Promise<string> {
  if (passphrase.length < SHORTEST_PASSPHRASE) {
    throw new SkillsctlError('usage', `the passphrase has at least ${SHORTEST_PASSPHRASE} characters`, {
      hint: 'four or five random words are easy to keep and hard to guess',
    })
  }
  const salt = randomBytes(32)
  const nonce = randomBytes(nacl.secretbox.nonceLength)
  const box = nacl.secretbox(seed, nonce, await derive(passphrase, salt, COST))
  const fields = {
    format: FORMAT,
    public: signerFromSeed(seed).tuf.keyval.public,
    kdf: { name: 'scrypt', ...COST, salt: salt.toString('base64') },
    nonce: nonce.toString('base64'),
    box: Buffer.from(box).toString('base64'),
  }
  return `${JSON.stringify(fields, null, 2)}\n`
}

/** The public half of a sealed key, which needs no passphrase. @throws SkillsctlError `corrupt` */
export function sealedPublicHex(text: string, subject: string): string {
  return string(readFields(text, subject)['public'], `${subject}: public`, PUBLIC_HEX)
}

/** @throws SkillsctlError `denied` for a wrong passphrase, `corrupt` for a damaged file */
export async function openSealed(text: string, passphrase: string, subject: string): Promise<Signer> {
  const fields = readFields(text, subject)
  const kdf = object(fields['kdf'], `${subject}: kdf`)
  const bytes = (value: unknown, name: string): Buffer =>
    Buffer.from(string(value, `${subject}: ${name}`, BASE64), 'base64')
  const cost = {
    N: integer(kdf['N'], `${subject}: N`, 2, 2 ** 20),
    r: integer(kdf['r'], `${subject}: r`, 1, 32),
    p: integer(kdf['p'], `${subject}: p`, 1, 16),
  }
  // A damaged digit must not keep us busy for minutes.
  if (!Number.isInteger(Math.log2(cost.N)) || cost.N * cost.r * cost.p > DEAREST) throw damaged(subject)
  const nonce = bytes(fields['nonce'], 'nonce')
  if (nonce.length !== nacl.secretbox.nonceLength) throw damaged(subject)
  const secret = await derive(passphrase, bytes(kdf['salt'], 'salt'), cost)
  const seed = nacl.secretbox.open(bytes(fields['box'], 'box'), nonce, secret)
  if (seed === null) {
    throw new SkillsctlError('denied', 'the passphrase does not open this key', {
      subject,
      hint: 'try again',
    })
  }
  if (seed.length !== nacl.sign.seedLength) throw damaged(subject)
  const signer = signerFromSeed(seed)
  if (signer.tuf.keyval.public !== sealedPublicHex(text, subject)) throw damaged(subject)
  return signer
}

function readFields(text: string, subject: string): Readonly<Record<string, unknown>> {
  const fields = object(parseJson(text, subject), subject)
  if (fields['format'] !== FORMAT) {
    throw new SkillsctlError('unsupported', 'this is not a sealed key that this skillsctl knows', {
      subject,
      expected: FORMAT,
      found: describe(fields['format']),
    })
  }
  return fields
}

function damaged(subject: string): SkillsctlError {
  return new SkillsctlError('corrupt', 'this key file is damaged', {
    subject,
    hint: 'use the backup of the root key',
  })
}

function derive(passphrase: string, salt: Buffer, cost: typeof COST): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(
      passphrase.normalize('NFKC'),
      salt,
      nacl.secretbox.keyLength,
      { ...cost, maxmem: MEMORY },
      (error, key) =>
        error === null
          ? resolve(key)
          : reject(new SkillsctlError('failed', 'the key could not be derived', { cause: error })),
    )
  })
}
