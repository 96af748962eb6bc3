/** What V8 made of our code is kept for the next run of a command (SPEC.md, "Compiled code"). */
import {
  appendFile,
  chmod,
  chown,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Site } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'
import { isRoot } from '../support/unprivileged.ts'

let site: Site
let count = 0
let home = ''
beforeAll(async () => {
  site = await Site.create({ commits: 1, prepare: runHere })
})
afterAll(() => site.remove())
beforeEach(async () => {
  count += 1
  home = site.home(`home-${count}`)
  await site.run(['join', site.tokens.canary, '--home', home], {}, runHere)
})

/** Notes for each script of ours whether V8 took what it was given: `true`, `false`, or nothing was given. */
const WITNESS = `
  import vm from 'node:vm'
  import { appendFileSync } from 'node:fs'
  import { syncBuiltinESMExports } from 'node:module'
  vm.Script = class extends vm.Script {
    constructor(code, options) {
      super(code, options)
      const isTaken = options.cachedData && !this.cachedDataRejected
      appendFileSync(process.env.WITNESS, String(isTaken) + '\\n')
    }
  }
  syncBuiltinESMExports()`

/** @returns whether every file of ours was taken from what was kept */
async function isTaken(...args: string[]): Promise<boolean> {
  const record = join(site.directory, `witness-${count}`)
  await writeFile(record, '')
  const env = {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(WITNESS)}`,
    WITNESS: record,
  }
  expect(await site.run([...args, '--home', home], { env })).toMatchObject({ exit: 0, stderr: '' })
  const lines = (await readFile(record, 'utf8')).trim().split('\n')
  return lines.every((line) => line === 'true')
}

const kept = (): Promise<string[]> => readdir(join(home, 'compiled')).catch(() => [])
const onlyKept = async (): Promise<string> => join(home, 'compiled', (await kept())[0] ?? '')

describe('compiled code', () => {
  it('of a command is kept by its first run, and taken by the next', async () => {
    expect(await isTaken('status')).toBe(false)
    expect(await kept()).toEqual([expect.stringMatching(/^status\.[0-9a-f]{8}\.v[\d.]+\.\w+$/)])
    expect(await isTaken('status')).toBe(true)
    expect(await readdir(join(home, 'staging'))).toEqual([])
  })

  it('grows with what later runs load', async () => {
    await isTaken('pull')
    expect(await isTaken('pull')).toBe(true)
    await site.commit({ 'skills/review/SKILL.md': `# of ${count}\n` })
    await site.publish()
    expect(await isTaken('pull')).toBe(false)
    expect(await isTaken('pull')).toBe(true)
  })

  it('is kept by nobody who failed, and in no directory that is not a home', async () => {
    expect(await site.run(['edits', 'drop', 'nothing', '--home', home])).not.toMatchObject({ exit: 0 })
    expect(await kept()).toEqual([])
    home = join(site.directory, 'not-a-home')
    await mkdir(home)
    await site.run(['status', '--home', home])
    expect(await readdir(home)).toEqual([])
  })

  it('is neither kept nor taken where others may write', async () => {
    await isTaken('status')
    await chmod(home, 0o770)
    const [before] = await kept()
    expect(await isTaken('status', '--json')).toBe(false)
    await writeFile(join(home, 'compiled', before ?? ''), '')
    await site.run(['status', '--home', home])
    expect(await readFile(join(home, 'compiled', before ?? ''), 'utf8')).toBe('')
  })

  const damage: Record<string, (path: string) => Promise<unknown>> = {
    'with a bit that flipped': async (path) => {
      const bytes = await readFile(path)
      const middle = bytes.length >> 1
      await writeFile(path, bytes.fill((bytes[middle] ?? 0) ^ 1, middle, middle + 1))
    },
    'cut short': async (path) => writeFile(path, (await readFile(path)).subarray(0, 1000)),
    'with something behind it': (path) => appendFile(path, 'more'),
    'that is empty': (path) => writeFile(path, ''),
    'that others could have written': (path) => chmod(path, 0o620),
    'of another command': async (path) => {
      await isTaken('edits')
      const other = (await kept()).find((name) => name.startsWith('edits.')) ?? ''
      await rename(join(home, 'compiled', other), path)
    },
    ...(isRoot ? { 'of another user': (path: string) => chown(path, 65534, 65534) } : {}),
  }
  it.each(Object.entries(damage))('%s is not taken, but replaced', async (_, spoil) => {
    await isTaken('status')
    await spoil(await onlyKept())
    expect(await isTaken('status')).toBe(false)
    expect(await isTaken('status')).toBe(true)
  })

  it('is kept for three versions of Node or of skillsctl at most', async () => {
    await isTaken('status')
    const own = await onlyKept()
    for (const age of [3, 2, 1]) {
      const other = join(home, 'compiled', `status.${age}.v1.x`)
      await cp(own, other)
      await utimes(other, 1000 - age, 1000 - age)
    }
    await writeFile(own, '')
    await isTaken('status')
    const names = (await kept()).map((name) => name.slice(0, 8)).sort()
    expect(names).toEqual(['status.1', 'status.2', own.slice(own.lastIndexOf('/') + 1).slice(0, 8)].sort())
  })
})
