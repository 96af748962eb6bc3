import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { note } from '../../src/home/log.ts'
import { createTestHome, type TestHome } from './home-fixture.ts'

const NOW = Date.UTC(2026, 10, 20, 9)
let home: TestHome
beforeEach(async () => {
  home = await createTestHome()
})
afterEach(() => home.remove())

const written = () => readFile(home.layout.log, 'utf8')

test('each note is a line with its time and program, for nobody else to read', async () => {
  note(home.layout, 'hook claude-code', 'locked: another\nprocess\x1b[31m', NOW)
  note(home.layout, 'after-switch', 'ended with 1', NOW)
  expect(await written()).toBe(
    '2026-11-20T09:00:00Z hook claude-code: locked: another process [31m\n2026-11-20T09:00:00Z after-switch: ended with 1\n',
  )
  expect((await stat(home.layout.log)).mode & 0o777).toBe(0o600)
})

test('it never grows beyond its bounds, and keeps what came last', async () => {
  await writeFile(home.layout.log, 'x'.repeat(256 * 1024 + 1))
  note(home.layout, 'test', 'y'.repeat(10_000), NOW)
  expect((await written()).length).toBeLessThan(2100)
  expect((await stat(`${home.layout.log}.old`)).size).toBe(256 * 1024 + 1)
})

test('it fails nobody, and makes no home', async () => {
  await mkdir(home.layout.log)
  expect(() => note(home.layout, 'test', 'to a directory', NOW)).not.toThrow()
  await rm(home.layout.root, { recursive: true })
  note(home.layout, 'test', 'to nowhere', NOW)
  await expect(stat(home.layout.root)).rejects.toMatchObject({ code: 'ENOENT' })
})
