/** The key files of an earlier `init`. The root key is sealed so cheaply that opening it costs a test nothing. */
import { scryptSync } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import nacl from 'tweetnacl'
import { formatSecretKey, newSeed, signerFromSeed } from '../../src/trust/key.ts'

export const PASSPHRASE = 'four random words here'

const FILES: Readonly<Record<string, string>> = {
  'root.sealed.json': cheaplySealed(newSeed()),
  'ci.key': formatSecretKey(newSeed()),
  'release.key': formatSecretKey(newSeed()),
}

/** `init` finds these and makes no others. */
export async function writeKeys(directory: string, names = Object.keys(FILES)): Promise<void> {
  await mkdir(directory, { recursive: true })
  for (const name of names) await writeFile(join(directory, name), FILES[name] ?? '', { mode: 0o600 })
}

export function cheaplySealed(seed: Uint8Array): string {
  const [salt, nonce] = [Buffer.alloc(32, 1), Buffer.alloc(nacl.secretbox.nonceLength, 2)]
  const secret = scryptSync(PASSPHRASE, salt, nacl.secretbox.keyLength, { N: 2, r: 8, p: 1 })
  return JSON.stringify({
    format: 'skillsctl-sealed-key/1',
    public: signerFromSeed(seed).tuf.keyval.public,
    kdf: { name: 'scrypt', N: 2, r: 8, p: 1, salt: salt.toString('base64') },
    nonce: nonce.toString('base64'),
    box: Buffer.from(nacl.secretbox(seed, nonce, secret)).toString('base64'),
  })
}
