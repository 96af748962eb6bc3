/** Key files and the lines in secrets. */
import { createHash, scryptSync } from 'node:crypto'
import nacl from 'tweetnacl'
import { formatSecretKey, parseSecretKey, signerFromSeed } from '../../../src/trust/key.ts'
import { formatPublicKey, parsePublicKey } from '../../../src/trust/public-key.ts'
import { openSealed, sealedPublicHex } from '../../../src/trust/sealed-key.ts'
import { insist, json, type Target, text } from '../target.ts'

const SEED = createHash('sha256').update('a seed for tests').digest()
const PASSPHRASE = 'correct horse battery'

export function keysTarget(): Target {
  const signer = signerFromSeed(SEED)
  const right = signer.tuf.keyval.public
  return {
    name: 'keys',
    codes: ['usage', 'corrupt', 'unsupported', 'denied'],
    seeds: [
      text('public', formatPublicKey(signer, 'a comment')),
      text('secret', formatSecretKey(SEED, 'a comment')),
      json('sealed', cheaplySealed(right)),
    ],
    async run({ kind, bytes }) {
      const input = bytes.toString('utf8')
      if (kind === 'public') {
        const key = parsePublicKey(input)
        insist(parsePublicKey(formatPublicKey(key)).keyid === key.keyid, 'a public key reads back')
      } else if (kind === 'secret') {
        const parsed = parseSecretKey(input, 'key')
        insist(/^[0-9a-f]{64}$/.test(parsed.tuf.keyval.public), 'a secret key has a public half')
      } else {
        sealedPublicHex(input, 'key')
        const opened = await openSealed(input, PASSPHRASE, 'key')
        insist(
          opened.tuf.keyval.public === right,
          'a sealed key opens as the key that was sealed, or not at all',
        )
      }
    },
  }
}

/** As `sealSeed` makes it, but quick to open. */
function cheaplySealed(publicHex: string): object {
  const salt = Buffer.alloc(32, 1)
  const nonce = Buffer.alloc(nacl.secretbox.nonceLength, 2)
  const cost = { N: 2, r: 8, p: 1 }
  const box = nacl.secretbox(SEED, nonce, scryptSync(PASSPHRASE, salt, nacl.secretbox.keyLength, cost))
  return {
    format: 'skillsctl-sealed-key/1',
    public: publicHex,
    kdf: { name: 'scrypt', ...cost, salt: salt.toString('base64') },
    nonce: nonce.toString('base64'),
    box: Buffer.from(box).toString('base64'),
  }
}
