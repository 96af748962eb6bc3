import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { encodeToken, inspect, inspectRepository } from '../../src/index.ts'
import { formatSecretKey, newSeed, signerFromSeed } from '../../src/trust/key.ts'
import { formatPublicKey } from '../../src/trust/public-key.ts'
import {
  bodyOf,
  createTeam,
  listing,
  type Team,
  type TestMachine,
  temporaryDirectory,
} from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'

async function running(): Promise<{ team: Team; machine: TestMachine }> {
  const team = await createTeam()
  await team.ship({ [SKILL]: 'one' })
  return { team, machine: await team.joined() }
}

/** An object of the store as a file under its own name. */
async function saved(
  team: Team,
  pattern: RegExp,
  damage: (body: Buffer) => Buffer = (body) => body,
): Promise<string> {
  const key = [...(await listing(team.store)).keys()].find((name) => pattern.test(name)) ?? ''
  const path = join(await temporaryDirectory(), basename(key))
  await writeFile(path, damage(await bodyOf(team.store, key)))
  return path
}

const checks = (report: { checks: readonly { ok: boolean }[] }) => report.checks.map(({ ok }) => ok)

test('a manifest', async () => {
  const { team, machine } = await running()
  const report = await inspect(await saved(team, /^targets\/stable/), machine.layout)
  expect(report).toMatchObject({ kind: 'manifest', fields: { name: 'acme-skills', files: 1, bytes: 3 } })
  expect(checks(report)).toEqual([true, true])
})

test('an archive, and one that is not what its name says', async () => {
  const { team, machine } = await running()
  const report = await inspect(await saved(team, /^blobs/), machine.layout)
  expect(report).toMatchObject({ kind: 'archive', fields: { members: 1, first: [SKILL] } })
  expect(checks(report)).toEqual([true])
  const renamed = await saved(team, /^blobs/, (body) => Buffer.concat([body, Buffer.alloc(1)]))
  expect(checks(await inspect(renamed, machine.layout))).toEqual([false])
})

test('metadata: a root passes by its own keys, a damaged one does not', async () => {
  const { team, machine } = await running()
  const root = await inspect(await saved(team, /1\.root\.json$/), machine.layout)
  expect(root).toMatchObject({ kind: 'TUF metadata: root', fields: { version: 1, sha256: team.root.sha256 } })
  expect(checks(root)).toEqual([true])
  const forged = await saved(team, /1\.root\.json$/, (body) =>
    Buffer.from(body.toString().replace('"version":1', '"version":2')),
  )
  expect(checks(await inspect(forged, machine.layout))).toEqual([false])
  expect(await inspect(await saved(team, /2\.stable\.json$/), machine.layout)).toMatchObject({
    kind: 'TUF metadata: targets',
  })
})

test('keys and tokens, never the secret itself', async () => {
  const { team, machine } = await running()
  const directory = await temporaryDirectory()
  const seed = newSeed()
  const signer = signerFromSeed(seed)
  const file = async (name: string, text: string) => {
    await writeFile(join(directory, name), text)
    return inspect(join(directory, name), machine.layout)
  }
  expect(await file('a.pub', formatPublicKey(signer, 'ci'))).toMatchObject({
    kind: 'public key',
    fields: { 'key id': signer.keyid },
  })
  const secret = await file('a.key', `${formatSecretKey(seed, 'ci')}\n`)
  expect(secret.fields['key id']).toBe(signer.keyid)
  expect(JSON.stringify(secret)).not.toContain(Buffer.from(seed).toString('base64url'))
  const token = encodeToken({ store: team.store.url, root: team.root, channel: 'stable' })
  expect(await inspect(token, machine.layout)).toMatchObject({
    kind: 'join token',
    fields: { channel: 'stable', 'root version': 1 },
  })
  expect(await file('token', `${token}\n`)).toMatchObject({ kind: 'join token' })
})

test('an installed release by any prefix, and what was edited in it', async () => {
  const { machine } = await running()
  const directory = (await machine.current())?.replace('releases/', '') ?? ''
  const report = await inspect(directory.slice(11), machine.layout)
  expect(report).toMatchObject({ kind: 'installed release', fields: { version: directory } })
  expect(checks(report)).toEqual([true])
  await writeFile(join(machine.layout.current, 'new'), 'x')
  expect(checks(await inspect(directory, machine.layout))).toEqual([false])
})

test('a repository, with and without a root to trust', async () => {
  const { team } = await running()
  const trusted = await inspectRepository(team.store, team.root, team.clock.now())
  expect(trusted.fields['head of stable']).toMatch(/^2026/)
  expect(checks(trusted)).toEqual([true, true])
  expect(checks(await inspectRepository(team.store, undefined, team.clock.now()))).toEqual([true, false])
  const wrong = inspectRepository(team.store, { sha256: 'a'.repeat(64) }, team.clock.now())
  await expect(wrong).rejects.toMatchObject({ code: 'untrusted' })
})

test('anything else is said to be none of ours', async () => {
  const { machine } = await running()
  const path = join(await temporaryDirectory(), 'x.json')
  await writeFile(path, '{"a":1}')
  await expect(inspect(path, machine.layout)).rejects.toMatchObject({ code: 'usage' })
  await expect(inspect('9999.99.99-fffffff', machine.layout)).rejects.toMatchObject({ code: 'absent' })
  await writeFile(path, Buffer.from([0x1f, 0x8b, 1, 2, 3]))
  await expect(inspect(path, machine.layout)).rejects.toMatchObject({ name: 'SkillsctlError' })
})
