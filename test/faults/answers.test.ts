/** Answers of a network in between that no client may take at their word: what the random runs found, one by one. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { openHttpStore } from '../../src/store/http.ts'
import { openS3Store } from '../../src/store/s3.ts'
import type { ReadableStore, Store } from '../../src/store/store.ts'
import { startS3Server } from '../support/s3/server.ts'
import { type BadNetwork, type NetworkFault, startBadNetwork } from './bad-network.ts'
import { Dice } from './dice.ts'

async function behind(kind: NetworkFault): Promise<{ bad: BadNetwork; bucket: Store; web: ReadableStore }> {
  const server = await startS3Server()
  server.createBucket('bucket')
  const bad = await startBadNetwork(server.endpoint, new Dice(1))
  bad.expect({ kinds: [kind], rate: 1, most: 10 })
  vi.stubEnv('AWS_ACCESS_KEY_ID', server.accessKeyId)
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', server.secretAccessKey)
  const bucket = await openS3Store(`s3://bucket?endpoint=${encodeURIComponent(bad.url)}&region=us-east-1`)
  const web = openHttpStore(`${bad.url}/bucket`)
  onTestFinished(async () => {
    bucket.close()
    web.close()
    await bad.close()
    await server.close()
    vi.unstubAllEnvs()
  })
  return { bad, bucket, web }
}

const ROOM = { maxBytes: 1024 }

test('an error of a bucket without end is given up, and not kept in memory', async () => {
  const { bucket } = await behind('not found, without end')
  await expect(bucket.get('key', ROOM)).rejects.toMatchObject({ code: 'corrupt' })
  await expect(bucket.put('key', Buffer.from('x'), { absent: true })).rejects.toMatchObject({
    code: 'corrupt',
  })
})

test('a listing without end is given up', async () => {
  const { bucket } = await behind('endless body')
  const list = async (): Promise<void> => {
    for await (const _object of bucket.list(''));
  }
  await expect(list()).rejects.toMatchObject({ code: 'corrupt' })
})

test('a 404 without end is absent, and its connection is dropped', async () => {
  const { bad, web } = await behind('not found, without end')
  expect(await web.get('key', ROOM)).toEqual({ kind: 'absent' })
  await vi.waitFor(async () => expect(await bad.connections()).toBe(0))
})

test('"not modified" is no answer to whoever has not asked for it', async () => {
  const { bucket, web } = await behind('always not modified')
  await expect(web.get('key', ROOM)).rejects.toMatchObject({ code: 'unreachable' })
  await expect(bucket.get('key', ROOM)).rejects.toMatchObject({ code: 'unreachable' })
  expect(await web.get('key', { ...ROOM, ifNoneMatch: '"x"' })).toEqual({ kind: 'unchanged' })
})

test('a redirect to a sign-in page is not the store', async () => {
  const { bucket, web } = await behind('redirect')
  await expect(web.get('key', ROOM)).rejects.toMatchObject({ code: 'unreachable' })
  await expect(bucket.get('key', ROOM)).rejects.toMatchObject({ code: 'unreachable' })
})
