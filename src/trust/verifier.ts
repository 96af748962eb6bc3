/**
 * Verification of TUF metadata, one file at a time: bytes in, checked values out, no I/O (TUF spec 5.3 to 5.6).
 * tuf-js decides; this adds what its version 5 leaves out, and turns its error classes into our codes.
 */
import { canonicalize } from '@tufjs/canonical-json'
import type { Key, Metadata, Root, Snapshot, Targets, Timestamp } from '@tufjs/models'
import { LengthOrHashMismatchError } from '@tufjs/models/dist/error.js'
import { BadVersionError, EqualVersionError, ExpiredMetadataError } from 'tuf-js/dist/error.js'
import { TrustedMetadataStore } from 'tuf-js/dist/store.js'
import { SkillsctlError } from '../core/errors.ts'
import { bounded, instant, object } from '../core/parse.ts'
import { PUBLIC_HEX, publicKey } from './public-key.ts'

type Signed = Root | Snapshot | Targets | Timestamp

const ROLE_NAME = /^[a-z][a-z0-9-]*$/

export class Verifier {
  private readonly set: TrustedMetadataStore
  private readonly now: Date

  /**
   * @param root metadata that this machine already trusts
   * @param now milliseconds since the epoch; decides expiry, fixed for the whole update (TUF spec 5.1)
   */
  constructor(root: Buffer, now: number) {
    this.set = judged('root.json', () =>
      checked(
        root,
        'root.json',
        () => new TrustedMetadataStore(root),
        (set) => set.root,
      ),
    )
    // The class takes its time from the clock; ours is an argument.
    this.now = new Date(now)
    Reflect.set(this.set, 'referenceTime', this.now)
    checkRoot(this.set.root)
  }

  get root(): Root {
    return this.set.root.signed
  }

  get timestamp(): Timestamp | undefined {
    return this.set.timestamp?.signed
  }

  get snapshot(): Snapshot | undefined {
    return this.set.snapshot?.signed
  }

  get targets(): Targets | undefined {
    return this.set.targets?.signed
  }

  /** Takes the next root: signed by the old and the new quorum, exactly one version higher (TUF spec 5.3). */
  updateRoot(bytes: Buffer): void {
    const subject = `${this.root.version + 1}.root.json`
    judged(subject, () => checkRoot(checked(bytes, subject, () => this.set.updateRoot(bytes), itself)))
  }

  /** @returns false when it is the version that is trusted already */
  updateTimestamp(bytes: Buffer): boolean {
    return judged('timestamp.json', () => {
      try {
        const update = (): Metadata<Timestamp> => this.set.updateTimestamp(bytes)
        checkExpires(checked(bytes, 'timestamp.json', update, itself).signed.expires, 'timestamp.json')
        return true
      } catch (error) {
        // The one is a kind of the other.
        const isEqual = error instanceof EqualVersionError
        if (!isEqual && error instanceof BadVersionError) throw this.storeIsBehind(bytes, error)
        if (!isEqual) throw error
        // tuf-js looks at the expiry of a known timestamp only once a snapshot follows.
        if (this.timestamp?.isExpired(this.now) === true) throw new ExpiredMetadataError('timestamp.json')
        return false
      }
    })
  }

  /** Its keys have signed it: before what was accepted here, or since then upon an older snapshot. */
  private storeIsBehind(bytes: Buffer, cause: Error): SkillsctlError {
    const subject = 'timestamp.json'
    const ours = this.timestamp && describeTimestamp(this.timestamp.toJSON())
    return new SkillsctlError(
      'untrusted',
      'the store is behind this machine: a stale mirror, or put back from a backup',
      {
        subject,
        expected: `${ours}, as accepted here, or later ones`,
        found: describeTimestamp(read(bytes, subject).signed),
        hint: 'this machine keeps what it runs until the store is ahead again; ask the store itself, or tell whoever publishes',
        cause,
      },
    )
  }

  /** @param cached bytes come from our own trust directory; they may be older than the timestamp says */
  updateSnapshot(bytes: Buffer, cached = false): void {
    judged('snapshot.json', () => {
      const update = (): Metadata<Snapshot> => this.set.updateSnapshot(bytes, cached)
      checkExpires(checked(bytes, 'snapshot.json', update, itself).signed.expires, 'snapshot.json')
    })
  }

  /** The top-level targets: the delegations to the channels. */
  updateTargets(bytes: Buffer): void {
    judged('targets.json', () => {
      const { signed } = this.updateNamed(bytes, 'targets', 'root')
      checkExpires(signed.expires, 'targets.json')
      checkKeys(signed.delegations?.keys ?? {}, 'targets.json')
      if (Object.keys(signed.targets).length > 0)
        throw untrusted('targets.json', 'the top-level targets list files')
    })
  }

  /** A channel's role, which must be delegated exactly its own directory. */
  updateRole(role: string, bytes: Buffer): Targets {
    return judged(`${role}.json`, () => {
      const delegation = this.targets?.delegations?.roles?.[role]
      if (!ROLE_NAME.test(role) || delegation === undefined) {
        throw new SkillsctlError('absent', 'this repository has no such channel', { subject: role })
      }
      if (delegation.paths?.includes(`${role}/*`) !== true) {
        throw untrusted(`${role}.json`, 'the role is not trusted for its own directory')
      }
      const { signed } = this.updateNamed(bytes, role, 'targets')
      checkExpires(signed.expires, `${role}.json`)
      return signed
    })
  }

  private updateNamed(bytes: Buffer, role: string, delegator: string): Metadata<Targets> {
    const update = (): Metadata<Targets> => {
      this.set.updateDelegatedTargets(bytes, role, delegator)
      const metadata = this.set.getRole(role)
      if (metadata === undefined) throw untrusted(`${role}.json`, 'the role was not accepted')
      return metadata
    }
    return checked(bytes, `${role}.json`, update, itself)
  }
}

/** @param signed of metadata that was understood and verified */
function describeTimestamp(signed: unknown): string {
  const { version, meta, 'x-signed-at': signedAt } = object(signed, 'timestamp.json')
  const snapshot = object(object(meta, 'timestamp.json')['snapshot.json'], 'timestamp.json')
  return `version ${version} with snapshot ${snapshot['version']}, signed at ${signedAt}`
}

/**
 * What tuf-js leaves out: looks at the bytes before it parses them, and at what became of them after.
 * @param metadataOf what `update` returns, as metadata
 */
function checked<T>(
  bytes: Buffer,
  subject: string,
  update: () => T,
  metadataOf: (updated: T) => Metadata<Signed>,
): T {
  const fields = read(bytes, subject)
  try {
    const updated = update()
    insistOnSigned(fields, metadataOf(updated), subject)
    return updated
  } catch (error) {
    throw newerFormat(fields, subject, error) ?? error
  }
}

function itself<T>(metadata: T): T {
  return metadata
}

/** What was refused may be of a TUF that is yet to come: then it is us who have to change (TUF spec 4.3). */
function newerFormat(
  { signed }: { readonly signed?: unknown },
  subject: string,
  cause: unknown,
): SkillsctlError | undefined {
  const found =
    typeof signed === 'object' && signed !== null && 'spec_version' in signed && signed.spec_version
  if (typeof found !== 'string' || !/^(?:[2-9]|[1-9]\d{1,3})\.\d{1,4}(?:\.\d{1,4})?$/.test(found))
    return undefined
  return new SkillsctlError('unsupported', 'the metadata has a format that this skillsctl does not know', {
    subject,
    expected: 'TUF 1',
    found: `TUF ${found}`,
    hint: 'install a newer skillsctl; the installed release keeps running',
    cause,
  })
}

/**
 * tuf-js copies an object once for each of its members, before it looks at a signature: half a megabyte of empty
 * roles, from anybody, would keep us busy for a minute.
 */
function read(bytes: Buffer, subject: string): { readonly signed?: unknown } {
  const fields: unknown = JSON.parse(bytes.toString('utf8'))
  bounded(fields, subject)
  return typeof fields === 'object' && fields !== null ? fields : {}
}

/** tuf-js verifies what it has understood, and drops some of what it has not: nobody has signed that. */
function insistOnSigned(
  { signed }: { readonly signed?: unknown },
  metadata: Metadata<Signed>,
  subject: string,
): void {
  if (canonicalize(signed) === canonicalize(metadata.signed.toJSON())) return
  throw untrusted(subject, 'the metadata holds fields that nobody has signed')
}

function checkRoot({ signed }: Metadata<Root>): void {
  checkExpires(signed.expires, 'root.json')
  checkKeys(signed.keys, 'root.json')
  if (!signed.consistentSnapshot) throw untrusted('root.json', 'consistent snapshots are off')
}

/** tuf-js 5 takes a date that it cannot read for "never". */
function checkExpires(expires: string, subject: string): void {
  instant(expires, `${subject}: expires`)
}

/** One public key under two names would satisfy a threshold of two alone. */
function checkKeys(keys: Readonly<Record<string, Key>>, subject: string): void {
  const seen = new Set<string>()
  for (const [keyid, { keyType, scheme, keyVal }] of Object.entries(keys)) {
    const hex = keyVal['public'] ?? ''
    if (keyType !== 'ed25519' || scheme !== 'ed25519' || !PUBLIC_HEX.test(hex)) {
      throw untrusted(subject, 'a key is not an Ed25519 key in hex', keyid)
    }
    if (publicKey(hex).keyid !== keyid) throw untrusted(subject, 'a key has a wrong key id', keyid)
    if (seen.has(hex)) throw untrusted(subject, 'a public key is listed twice', keyid)
    seen.add(hex)
  }
}

function untrusted(subject: string, message: string, found?: string): SkillsctlError {
  return new SkillsctlError('untrusted', message, { subject, found, hint: TELL })
}

const TELL = 'tell whoever publishes; nothing was changed here'

/** Runs one check of tuf-js; decides by its error classes what kind of failure it was. */
function judged<T>(subject: string, check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (error instanceof SkillsctlError) throw error
    if (error instanceof ExpiredMetadataError) {
      throw new SkillsctlError('stale', 'the signed metadata has expired', {
        subject,
        hint: 'whoever publishes runs: skillsctl renew (and check the clock of this machine)',
        cause: error,
      })
    }
    if (error instanceof SyntaxError) {
      throw new SkillsctlError('corrupt', 'this is not metadata', {
        subject,
        hint: 'the store, or something between it and us, answers with other content',
        cause: error,
      })
    }
    if (error instanceof LengthOrHashMismatchError) {
      throw new SkillsctlError('corrupt', 'the bytes differ from what the signed metadata says', {
        subject,
        cause: error,
      })
    }
    if (error instanceof BadVersionError) {
      throw new SkillsctlError('untrusted', 'the metadata is older than what this machine has already seen', {
        subject,
        hint: TELL,
        cause: error,
      })
    }
    throw new SkillsctlError('untrusted', 'the metadata is not what the trusted keys have signed', {
      subject,
      hint: TELL,
      cause: error,
    })
  }
}
