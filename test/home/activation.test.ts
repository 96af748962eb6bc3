import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { appendFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { confirmHistory, inSituation, readSituation, switchCurrent } from '../../src/home/activation.ts'
import { writeConfig } from '../../src/home/config.ts'
import { appendHistory, readHistory, readWholeHistory } from '../../src/home/history.ts'
import { currentRelease, type Installed } from '../../src/home/releases.ts'
import { readState, updateState } from '../../src/home/state.ts'
import { createTestHome, type TestHome } from './home-fixture.ts'

const NOW = Date.UTC(2026, 10, 21, 6)
const AT = '2026-11-21T06:00:00Z'

let home: TestHome
let first: Installed
let second: Installed

beforeEach(async () => {
  home = await createTestHome()
  first = await home.install({ a: 'one' }, { commit: '1'.repeat(40) })
  second = await home.install({ a: 'two' }, { commit: '2'.repeat(40) })
})
afterEach(() => home.remove())

const activate = ({ directory }: Installed) => switchCurrent(home.layout, directory, 'update', 'test', NOW)
const running = (): string => readFileSync(join(home.layout.current, 'a'), 'utf8')

describe('activation', () => {
  test('points current at a release, relative to the home, and records from and to', async () => {
    await activate(first)
    await activate(second)
    expect(readlinkSync(home.layout.current)).toBe(`releases/${second.directory}`)
    expect(running()).toBe('two')
    expect(await readHistory(home.layout)).toEqual([
      { at: AT, from: undefined, to: first.directory, why: 'update', by: 'test' },
      { at: AT, from: first.directory, to: second.directory, why: 'update', by: 'test' },
    ])
    expect(readdirSync(home.layout.staging).filter((name) => name.includes('current'))).toEqual([])
  })

  test.each([
    ['missing', async () => {}],
    ['dangling', () => symlink('releases/2026.11.20-0000000', home.layout.current)],
    ['absolute', () => symlink(join(home.layout.releases, first.directory), home.layout.current)],
    ['a link to itself', () => symlink('current', home.layout.current)],
  ])('mends a current that is %s, and keeps nothing of it', async (_, damage) => {
    await damage()
    expect(currentRelease(home.layout)).toBeUndefined()
    await activate(second)
    expect(running()).toBe('two')
    expect(readdirSync(home.layout.kept)).toEqual([])
  })

  test('sets a real directory in the place of current aside, with what is in it', async () => {
    await mkdir(home.layout.current)
    await writeFile(join(home.layout.current, 'mine'), 'precious')
    await activate(second)
    expect(running()).toBe('two')
    const [kept = ''] = readdirSync(home.layout.kept)
    expect(readFileSync(join(home.layout.kept, kept, 'mine'), 'utf8')).toBe('precious')
  })

  test('sets a file in the place of current aside', async () => {
    await writeFile(home.layout.current, 'precious')
    await activate(second)
    expect(running()).toBe('two')
    const [kept = ''] = readdirSync(home.layout.kept)
    expect(readFileSync(join(home.layout.kept, kept), 'utf8')).toBe('precious')
  })
})

describe('a plan', () => {
  const CONFIG = {
    store: 'file:///nowhere',
    root: { version: 1, sha256: 'a'.repeat(64) },
    channel: 'stable',
    machine: 'm',
    raw: {},
  }
  const PIN = { version: '2026.11.20-1111111', manifest: 'b'.repeat(64) }

  test('is carried out when nothing moved meanwhile', async () => {
    await activate(first)
    const planned = await readSituation(home.layout)
    expect(await inSituation(home.layout, planned, async () => 'done')).toBe('done')
  })

  test.each([
    ['current', () => activate(second)],
    ['the pin', () => updateState(home.layout, { pin: PIN })],
    ['the channel', () => writeConfig(home.layout, { ...CONFIG, channel: 'canary' })],
    ['current, by removing it', () => rm(home.layout.current)],
  ])('is dropped when somebody changed %s', async (_, change) => {
    await writeConfig(home.layout, CONFIG)
    await activate(first)
    const planned = await readSituation(home.layout)
    await change()
    const work = (): Promise<never> => Promise.reject(new Error('the plan was carried out'))
    expect(await inSituation(home.layout, planned, work)).toBe('dropped')
  })
})

describe('history', () => {
  const LINE = { at: AT, from: undefined, to: 'x', why: 'update', by: 'test' } as const

  test('passes over a line that was cut short, and the next one begins on its own', async () => {
    await appendHistory(home.layout, LINE)
    await appendFile(home.layout.history, '{"at":"2026-11-21T06:0')
    expect(await readHistory(home.layout)).toEqual([LINE])
    await appendHistory(home.layout, { ...LINE, to: 'y' })
    expect((await readHistory(home.layout)).map(({ to }) => to)).toEqual(['x', 'y'])
  })

  test.each(['{}', 'null', '[]', '{"at":"yesterday","to":"x","why":"update","by":"b"}', '\u0000\u0000'])(
    'passes over the line %j',
    async (line) => {
      await appendFile(home.layout.history, `${line}\n`)
      await appendHistory(home.layout, LINE)
      expect(await readHistory(home.layout)).toEqual([LINE])
    },
  )

  test('costs the same after years: decisions read its end, people all of it', async () => {
    const lines = Array.from({ length: 5_000 }, (_, index) => ({ ...LINE, to: `release-${index}` }))
    await writeFile(home.layout.history, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    const recent = await readHistory(home.layout)
    expect(recent.length).toBeGreaterThan(1_000)
    expect(recent.length).toBeLessThan(lines.length)
    expect(recent).toEqual(lines.slice(-recent.length))
    expect(await readWholeHistory(home.layout)).toEqual(lines)
  })

  test('lacks the last switch when a kill came between: it is written later, once', async () => {
    await activate(first)
    await rm(home.layout.current)
    await symlink(`releases/${second.directory}`, home.layout.current)
    await confirmHistory(home.layout, 'later', NOW)
    await confirmHistory(home.layout, 'later', NOW)
    expect((await readHistory(home.layout)).slice(1)).toEqual([
      { at: AT, from: first.directory, to: second.directory, why: 'recovered', by: 'later' },
    ])
  })

  test('has nothing to confirm where nothing runs', async () => {
    await confirmHistory(home.layout, 'test', NOW)
    expect(await readHistory(home.layout)).toEqual([])
  })
})

describe('state', () => {
  const PIN = { version: '2026.11.20-1111111', manifest: 'b'.repeat(64) }

  test('changes only the fields that it is told to', async () => {
    await updateState(home.layout, { pin: PIN, checkedAt: AT })
    await updateState(home.layout, { checkedAt: undefined, signedAt: AT })
    expect(await readState(home.layout)).toMatchObject({ pin: PIN, checkedAt: undefined, signedAt: AT })
  })

  test.each(['', '{', 'null', '[]', '{"pin":{"version":"../x","manifest":"y"}}', '{"checkedAt":"never"}'])(
    'that reads %j counts as none and can be written again',
    async (content) => {
      await writeFile(home.layout.state, content)
      expect(await readState(home.layout)).toEqual({})
      await updateState(home.layout, { checkedAt: AT })
      expect(await readState(home.layout)).toMatchObject({ checkedAt: AT })
    },
  )
})
