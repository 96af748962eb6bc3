/** `config.json`: what the person chose for this machine. */
import { SkillsctlError } from '../core/errors.ts'
import {
  describe,
  type Fields,
  integer,
  object,
  optional,
  parseJson,
  SHA256_HEX,
  string,
} from '../core/parse.ts'
import { readIfThere, writeFileAtomic } from '../disk/atomic-file.ts'
import type { RootPin } from '../trust/root-chain.ts'
import type { Layout } from './layout.ts'

const FORMAT = 'skillsctl-home/1'

export interface MachineConfig {
  readonly store: string
  readonly root: RootPin
  readonly channel: string
  /** Random; tells machines apart without saying anything about them. */
  readonly machine: string
  /** Everything in the file, so that fields of a newer skillsctl survive. */
  readonly raw: Fields
}

/** @returns undefined when this machine has not joined. @throws SkillsctlError `corrupt`, `unsupported` */
export async function readConfig(layout: Layout): Promise<MachineConfig | undefined> {
  const bytes = await readIfThere(layout.config)
  if (bytes === undefined) return undefined
  const fields = object(parseJson(bytes.toString('utf8'), layout.config), layout.config)
  if (fields['format'] !== FORMAT) {
    throw new SkillsctlError('unsupported', 'this home was made by another version of skillsctl', {
      subject: layout.root,
      expected: FORMAT,
      found: describe(fields['format']),
      hint: 'install a newer skillsctl',
    })
  }
  const root = object(fields['root'], `${layout.config}: root`)
  return {
    store: string(fields['store'], `${layout.config}: store`),
    root: {
      ...root,
      version: optional(root['version'], `${layout.config}: root.version`, (value, subject) =>
        integer(value, subject, 1),
      ),
      sha256: string(root['sha256'], `${layout.config}: root.sha256`, SHA256_HEX),
    },
    channel: string(fields['channel'], `${layout.config}: channel`),
    machine: string(fields['machine'], `${layout.config}: machine`),
    raw: fields,
  }
}

/** As `readConfig`. @throws SkillsctlError `usage` when this machine has not joined */
export async function requireConfig(layout: Layout): Promise<MachineConfig> {
  const config = await readConfig(layout)
  if (config !== undefined) return config
  throw new SkillsctlError('usage', 'this machine has not joined a repository', {
    subject: layout.root,
    hint: 'run: skillsctl join <token>, with the token that whoever publishes gave you',
  })
}

export async function writeConfig(layout: Layout, { raw, ...fields }: MachineConfig): Promise<void> {
  const content = JSON.stringify({ ...raw, format: FORMAT, ...fields }, null, 2)
  await writeFileAtomic(layout.config, `${content}\n`, { mode: 0o600, via: layout.staging })
}
