import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PutBucketPolicyCommand } from '@aws-sdk/client-s3'
import { expect, test, vi } from 'vitest'
import { decodeToken, encodeToken, openStore, openWritableStore, pull } from '../../src/index.ts'
import { fault } from '../support/lying-store.ts'
import { openTarget } from '../support/s3/target.ts'
import { createTeam, type Team, temporaryDirectory } from '../support/team.ts'
import { openTestStore } from '../support/test-store.ts'

const FILES = { 'skills/a/SKILL.md': '# a\n', 'README.md': 'hello\n' }

async function shipped(): Promise<Team> {
  const team = await createTeam()
  await team.ship(FILES)
  return team
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

test('one token makes a machine that runs the channel', async () => {
  const team = await shipped()
  const token = encodeToken({ store: team.store.url, root: team.root, channel: 'stable' })
  const { root, channel } = decodeToken(token)
  const machine = await team.machine()
  const report = await machine.join(root, channel)
  expect(report).toMatchObject({ joined: true, pull: { outcome: 'updated', channel: 'stable' } })
  expect(report.machine).toMatch(/^[0-9a-f-]{36}$/)
  expect(await machine.files()).toEqual(FILES)
  expect((await stat(machine.layout.root)).mode & 0o777).toBe(0o700)
})

test('a digest alone is enough to find the root', async () => {
  const team = await shipped()
  const machine = await team.machine()
  await machine.join({ sha256: team.root.sha256 })
  expect(await machine.files()).toEqual(FILES)
})

test('another root than the one asked for is untrusted, and nothing is left behind', async () => {
  const team = await shipped()
  for (const root of [
    { sha256: 'a'.repeat(64) },
    { version: 1, sha256: 'a'.repeat(64) },
    { version: 2, sha256: team.root.sha256 },
  ]) {
    const machine = await team.machine()
    await expect(machine.join(root)).rejects.toMatchObject({ code: 'untrusted' })
    expect(await exists(machine.layout.root)).toBe(false)
  }
})

test('a store that cannot be reached, or refuses, leaves nothing behind', async () => {
  const team = await shipped()
  for (const code of ['unreachable', 'denied'] as const) {
    const machine = await team.machine()
    machine.store.lies = {
      before: ({ key }) => {
        throw fault(code, key)
      },
    }
    await expect(machine.join()).rejects.toMatchObject({ code })
    expect(await exists(machine.layout.root)).toBe(false)
  }
})

test('a download that breaks off leaves nothing behind', async () => {
  const team = await shipped()
  const machine = await team.machine()
  machine.store.lies = { body: (key, truth) => (key.startsWith('blobs/') ? undefined : truth) }
  await expect(machine.join()).rejects.toMatchObject({ code: 'missing' })
  expect(await exists(machine.layout.root)).toBe(false)
})

test('a directory that holds something of somebody is refused, and nothing in it is touched', async () => {
  const team = await shipped()
  const home = await temporaryDirectory()
  await mkdir(join(home, 'trust'))
  for (const name of ['mine.txt', 'state.json', 'trust/mine']) await writeFile(join(home, name), 'mine')
  const machine = await team.machine({ home })
  await expect(machine.join()).rejects.toMatchObject({ code: 'refused', found: 'mine.txt' })
  expect((await readdir(home, { recursive: true })).sort()).toEqual([
    'mine.txt',
    'state.json',
    'trust',
    'trust/mine',
  ])
})

test('a failed join leaves an empty directory, and what a former home left in it, as they were', async () => {
  const team = await shipped()
  const home = await temporaryDirectory()
  const machine = await team.machine({ home })
  const wrong = { sha256: 'a'.repeat(64) }
  await expect(machine.join(wrong)).rejects.toMatchObject({ code: 'untrusted' })
  expect(await readdir(home)).toEqual([])
  await mkdir(join(home, 'trust'))
  await writeFile(join(home, 'state.json'), '{}')
  await expect(machine.join(wrong)).rejects.toMatchObject({ code: 'untrusted' })
  expect((await readdir(home)).sort()).toEqual(['state.json', 'trust'])
})

test('an empty store has no repository, and an unknown channel is absent', async () => {
  const team = await shipped()
  const nowhere = await team.machine({ through: await openTestStore() })
  await expect(nowhere.join()).rejects.toMatchObject({ code: 'absent' })
  const machine = await team.machine({ channel: 'nightly' })
  await expect(machine.join()).rejects.toMatchObject({ code: 'absent' })
  expect(await exists(machine.layout.root)).toBe(false)
})

test('joining before anything was published waits for the first release', async () => {
  const team = await createTeam()
  const machine = await team.machine()
  expect(await machine.join()).toMatchObject({ joined: true, pull: { outcome: 'empty', current: undefined } })
  await team.ship(FILES)
  expect(await machine.pull()).toMatchObject({ outcome: 'updated' })
  expect(await machine.files()).toEqual(FILES)
})

test('joining twice is one machine', async () => {
  const team = await shipped()
  const machine = await team.machine()
  const first = await machine.join()
  const before = await machine.current()
  const second = await machine.join()
  expect(second).toMatchObject({ machine: first.machine, joined: false, pull: { outcome: 'current' } })
  expect(await machine.current()).toBe(before)
})

test('a home that follows one repository refuses another, another channel and another root', async () => {
  const team = await shipped()
  const machine = await team.joined()
  const before = await machine.everything()
  const other = await createTeam()
  const elsewhere = await other.machine({ home: machine.layout.root })
  await expect(elsewhere.join()).rejects.toMatchObject({ code: 'refused' })
  await expect(machine.join(team.root, 'canary')).rejects.toMatchObject({
    code: 'refused',
    hint: expect.stringContaining('skillsctl channel canary'),
  })
  await expect(machine.join({ version: 1, sha256: 'a'.repeat(64) })).rejects.toMatchObject({
    code: 'refused',
  })
  expect(await machine.everything()).toEqual(before)
})

test('without joining there is nothing to pull', async () => {
  const team = await shipped()
  const machine = await team.machine()
  await expect(machine.pull()).rejects.toMatchObject({ code: 'usage' })
})

test('a home where nothing may be written fails as such', async () => {
  const team = await shipped()
  const parent = await temporaryDirectory()
  const file = join(parent, 'file')
  await writeFile(file, '')
  const machine = await team.machine({ home: join(file, 'home') })
  await expect(machine.join()).rejects.toMatchObject({ code: 'failed' })
})

test('the whole way over file://, s3:// and a public bucket, with the stores as the command line opens them', async () => {
  await using server = await disposableS3()
  const directory = `file://${await temporaryDirectory()}/repository`
  for (const [place, url] of [
    [directory, directory],
    [server.url, server.url],
    // Without the right to list, what is not there answers 403, the next root above all.
    [server.urlOf('public'), server.publicUrlOf('public')],
  ] as const) {
    const store = await openWritableStore(place)
    const team = await createTeam({ store })
    await team.ship(FILES)
    const machine = await team.machine()
    const context = { ...machine.context, openStore }
    const { join: joinFlow } = await import('../../src/index.ts')
    expect(await joinFlow(context, { store: url, root: team.root, channel: 'stable' })).toMatchObject({
      pull: { outcome: 'updated' },
    })
    expect(await machine.files()).toEqual(FILES)
    await team.ship({ 'README.md': 'second\n' })
    expect(await pull(context)).toMatchObject({ outcome: 'updated' })
    expect(await machine.files()).toMatchObject({ 'README.md': 'second\n' })
    expect(await pull(context)).toMatchObject({ outcome: 'current' })
    store.close()
  }
})

async function disposableS3() {
  const target = await openTarget()
  const bucket = await target.freshBucket()
  const policy = {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: '*',
        Action: ['s3:GetObject'],
        Resource: [`arn:aws:s3:::${bucket}/public/*`],
      },
    ],
  }
  const open = new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify(policy) })
  await target.client().send(open)
  const urlOf = (prefix: string): string =>
    `s3://${bucket}/${prefix}?endpoint=${encodeURIComponent(target.endpoint)}&region=${target.region}`
  vi.stubEnv('AWS_ACCESS_KEY_ID', target.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', target.secretAccessKey)
  return {
    url: urlOf('team'),
    urlOf,
    publicUrlOf: (prefix: string) => `${target.endpoint}/${bucket}/${prefix}`,
    async [Symbol.asyncDispose]() {
      vi.unstubAllEnvs()
      await target.close()
    },
  }
}
