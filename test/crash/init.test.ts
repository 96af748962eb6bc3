/** Init, killed: nothing, or a whole repository; running it again makes one. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readIfThere } from '../../src/disk/atomic-file.ts'
import { collectGarbage, init, listKeys, openWritableStore, parseSecretKey } from '../../src/index.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import { recordOperations } from '../support/victim.ts'
import { killAtEach, killPoints } from './kill.ts'

const MINUTE = 60 * 1000
const DAY = 24 * 60 * MINUTE
const PASSPHRASE = 'correct horse battery staple'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'crash-init-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

test('an init that is killed leaves a whole repository, or none and the next init makes one', async () => {
  const storage = join(directory, 'store')
  const keys = join(directory, 'keys')
  const url = pathToFileURL(storage).href
  const job = { flow: 'init', store: url, keys, passphrase: PASSPHRASE, now: Date.now() }
  const restore = async (): Promise<void> => {
    for (const path of [storage, keys, `${keys}-again`]) await rm(path, { recursive: true, force: true })
  }
  await restore()
  const operations = await recordOperations(job)
  await killAtEach({
    job,
    points: killPoints(operations, () => true, 2),
    restore,
    verify: async () => {
      const store = await openWritableStore(url)
      const again = (place: string) =>
        init({
          store,
          name: 'crash',
          keys: place,
          passphrase: async () => PASSPHRASE,
          now: Date.now() + 11 * MINUTE,
        })
      const whole = (await readIfThere(join(storage, 'metadata', 'timestamp.json'))) !== undefined
      let place = keys
      if (whole) await expect(again(keys)).rejects.toMatchObject({ code: 'refused' })
      else if (await isPartOfTheKeys(keys)) {
        // Never guessed at and never overwritten: the person is told to choose another place.
        await expect(again(keys)).rejects.toMatchObject({
          code: 'refused',
          subject: join(keys, 'root.sealed.json'),
        })
        place = `${keys}-again`
        await again(place)
      } else await again(keys)

      const root = await readFile(join(storage, 'metadata', '1.root.json'))
      const pin = { version: 1, sha256: sha256Hex(root) }
      const ci = parseSecretKey(await readFile(join(place, 'ci.key'), 'utf8'), 'ci.key')
      const listed = await listKeys({ store, pin })
      expect(listed.keys.channels['canary']?.keys.map(({ keyid }) => keyid)).toEqual([ci.keyid])
      const inTwoDays = () => Date.now() + 2 * DAY
      await collectGarbage({
        store,
        pin,
        signers: [ci],
        clock: inTwoDays,
        stopwatch: inTwoDays,
        emit: () => {},
      })
      const left: string[] = []
      for await (const { key } of store.list('')) left.push(key)
      expect(left.filter((key) => !key.startsWith('metadata/'))).toEqual([])
      store.close()
    },
  })
})

async function isPartOfTheKeys(keys: string): Promise<boolean> {
  const files = ['root.sealed.json', 'ci.key', 'release.key'].map((name) => readIfThere(join(keys, name)))
  const there = (await Promise.all(files)).filter((bytes) => bytes !== undefined)
  return there.length > 0 && there.length < files.length
}
