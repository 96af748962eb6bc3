import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { lutimes, mkdir, readdir, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { ownIdentity, type ProcessIdentity } from '../../src/disk/process-identity.ts'
import { openStaging, sweepStaging } from '../../src/home/staging.ts'
import { createTestHome, type TestHome } from './home-fixture.ts'

const DIGEST = 'a'.repeat(64)
const LONG_AGO = new Date(Date.now() - 10 * 60_000)

let home: TestHome
let dead: ProcessIdentity

beforeAll(async () => {
  const child = spawn(process.execPath, ['-e', ''])
  const { pid = 0 } = child
  await once(child, 'exit')
  dead = { ...ownIdentity(), pid }
})
beforeEach(async () => {
  home = await createTestHome()
})
afterEach(() => home.remove())

const staged = (): string[] => readdirSync(home.layout.staging).sort()

/** The staging directory of a run by somebody else, with a partial download. */
async function leaveRun(name: string, owner: ProcessIdentity | string): Promise<void> {
  const directory = join(home.layout.staging, name)
  await mkdir(join(directory, 'tree/a'), { recursive: true })
  await writeFile(join(directory, `${DIGEST}.partial`), 'half')
  await writeFile(join(directory, 'owner.json'), typeof owner === 'string' ? owner : JSON.stringify(owner))
}

test('a run has its own directory, and leaves nothing of it', async () => {
  const [one, two] = [await openStaging(home.layout), await openStaging(home.layout)]
  expect(one.directory).not.toBe(two.directory)
  expect(await readdir(one.tree)).toEqual([])
  await Promise.all([one.discard(), two.discard()])
  expect(staged()).toEqual([])
})

test.each([0o077, 0o000])(
  'the root of its tree has mode 755 under umask %o, also when it was cleared',
  async (mask) => {
    const before = process.umask(mask)
    try {
      const area = await openStaging(home.layout)
      expect((await stat(area.tree)).mode & 0o777).toBe(0o755)
      await area.clear()
      expect((await stat(area.tree)).mode & 0o777).toBe(0o755)
      await area.discard()
    } finally {
      process.umask(before)
    }
  },
)

test('only what a dead run left behind is swept', async () => {
  const own = await openStaging(home.layout)
  await leaveRun('run-dead', dead)
  await leaveRun('run-elsewhere', { ...dead, machine: 'boot ns elsewhere' })
  await sweepStaging(home.layout)
  expect(staged()).toEqual(['run-elsewhere', own.directory.slice(home.layout.staging.length + 1)].sort())
})

test('what has no readable owner is swept when it is old, because it may be being set up', async () => {
  await leaveRun('run-torn', '{"pid":')
  await writeFile(join(home.layout.staging, '.state.json.1.abc.tmp'), 'x')
  await symlink('releases/none', join(home.layout.staging, '.current.1.abc.tmp'))
  await sweepStaging(home.layout)
  expect(staged()).toEqual(['.current.1.abc.tmp', '.state.json.1.abc.tmp', 'run-torn'])

  for (const name of ['run-torn', '.state.json.1.abc.tmp'])
    await utimes(join(home.layout.staging, name), LONG_AGO, LONG_AGO)
  await lutimes(join(home.layout.staging, '.current.1.abc.tmp'), LONG_AGO, LONG_AGO)
  await sweepStaging(home.layout)
  expect(staged()).toEqual([])
})

test('a partial download of a dead run is taken over, by one run only', async () => {
  await leaveRun('run-dead', dead)
  const areas = await Promise.all([openStaging(home.layout), openStaging(home.layout)])
  const paths = await Promise.all(areas.map((area) => area.archive(DIGEST)))
  expect(paths.filter((path) => existsSync(path)).map((path) => readFileSync(path, 'utf8'))).toEqual(['half'])
})

test('a partial download of a living run, or of another archive, is left alone', async () => {
  const own = await openStaging(home.layout)
  await writeFile(await own.archive(DIGEST), 'mine')
  await leaveRun('run-dead', dead)
  const other = await openStaging(home.layout)
  expect(existsSync(await other.archive('b'.repeat(64)))).toBe(false)
  await sweepStaging(home.layout)
  expect(existsSync(await other.archive(DIGEST))).toBe(false)
  expect(readFileSync(join(own.directory, `${DIGEST}.partial`), 'utf8')).toBe('mine')
})
