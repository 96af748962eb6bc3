import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir, uptime } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { withLock } from '../../src/disk/lock.ts'
import { ownIdentity } from '../../src/disk/process-identity.ts'

const HOLDER = fileURLToPath(new URL('lock-holder.mjs', import.meta.url))

let directory: string
let lock: string
let children: ChildProcess[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lock-'))
  lock = join(directory, 'lock')
  children = []
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await rm(directory, { recursive: true, force: true })
})

/** Starts a program and waits until it says that it holds the lock. @returns the pid of the holder */
async function holdIn(
  command: string,
  args: readonly string[],
): Promise<{ child: ChildProcess; pid: number }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const [line] = await once(child.stdout, 'data')
  return { child, pid: Number(/held (\d+)/.exec(String(line))?.[1]) }
}

const hold = () => holdIn(process.execPath, [HOLDER, lock])
const take = (patience = 0): Promise<string> => withLock(lock, async () => 'taken', patience)

/** Writes a lock as somebody else left it, so many milliseconds ago. */
async function leave(content: string, age: number): Promise<void> {
  await writeFile(lock, content)
  const then = new Date(Date.now() - age)
  await utimes(lock, then, then)
}

describe('a lock', () => {
  test('is there while work is done, for its owner only, and gone after it', async () => {
    const seen = await withLock(lock, () => readFile(lock, 'utf8'))
    expect(JSON.parse(seen)).toMatchObject({ pid: process.pid })
    expect(await readdir(directory)).toEqual([])
  })

  test('is given back when the work fails', async () => {
    const failure = withLock(lock, () => Promise.reject(new Error('the work failed')))
    await expect(failure).rejects.toThrow('the work failed')
    expect(await take()).toBe('taken')
  })

  test('lets one in at a time within a process', async () => {
    let inside = 0
    const work = async (): Promise<void> => {
      inside += 1
      expect(inside).toBe(1)
      await readdir(directory)
      inside -= 1
    }
    await Promise.all(Array.from({ length: 10 }, () => withLock(lock, work)))
  })

  test('lets one in at a time among processes', async () => {
    const log = join(directory, 'log')
    const run = promisify(execFile)
    await Promise.all(Array.from({ length: 6 }, () => run(process.execPath, [HOLDER, lock, 'once', log])))
    const lines = (await readFile(log, 'utf8')).trim().split('\n')
    expect(lines).toHaveLength(12)
    for (let index = 0; index < lines.length; index += 2)
      expect(lines[index + 1]).toBe(lines[index]?.replace('enter', 'leave'))
    expect(await readdir(directory)).toEqual(['log'])
  })

  test('in a directory that is not there fails at once', async () => {
    await expect(withLock(join(directory, 'none/lock'), async () => {})).rejects.toMatchObject({
      code: 'absent',
    })
  })
})

describe('a lock that somebody holds', () => {
  test('is not taken from a living process, and the error names it', async () => {
    const { pid } = await hold()
    await expect(take(50)).rejects.toMatchObject({
      code: 'locked',
      subject: lock,
      found: expect.stringContaining(`process ${pid}`),
      hint: expect.any(String),
    })
    expect(JSON.parse(await readFile(lock, 'utf8'))).toMatchObject({ pid })
  })

  test('is not taken from a living process, however old the file is', async () => {
    await hold()
    const then = new Date(0)
    await utimes(lock, then, then)
    await expect(take()).rejects.toMatchObject({ code: 'locked' })
  })

  test('is taken as soon as its holder was killed', async () => {
    const { child } = await hold()
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await take()).toBe('taken')
    expect(await readdir(directory)).toEqual([])
  })

  test.runIf(process.platform === 'linux')(
    'is taken from a killed process that its parent never reaped',
    async () => {
      const { pid } = await holdIn('sh', [
        '-c',
        `"$0" "$1" "$2" & exec sleep 600`,
        process.execPath,
        HOLDER,
        lock,
      ])
      process.kill(pid, 'SIGKILL')
      const state = async (): Promise<string> =>
        /\) (\w)/.exec(await readFile(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? ''
      while ((await state()) !== 'Z') await new Promise(setImmediate)
      expect(await take()).toBe('taken')
    },
  )

  test('is taken once by many waiters, after its holder was killed', async () => {
    const { child } = await hold()
    child.kill('SIGKILL')
    await once(child, 'exit')
    let inside = 0
    let most = 0
    const work = async (): Promise<void> => {
      most = Math.max(most, ++inside)
      await readdir(directory)
      inside -= 1
    }
    await Promise.all(Array.from({ length: 10 }, () => withLock(lock, work)))
    expect(most).toBe(1)
    expect(await readdir(directory)).toEqual([])
  })

  test('is not removed by a holder that lost it', async () => {
    await withLock(lock, () => writeFile(lock, 'of another'))
    expect(await readFile(lock, 'utf8')).toBe('of another')
  })
})

describe('a lock that was left behind', () => {
  const own = ownIdentity()
  const [, ...elsewhere] = own.machine.split(' ')
  const MINUTE = 60_000

  test.each([
    ['by a pid that was given to another process', { ...own, started: '1' }, 0],
    ['by a pid that nobody has', { ...own, pid: 2 ** 22 + 1 }, 0],
    [
      'by this machine before it was restarted',
      { ...own, machine: ['other-boot', ...elsewhere].join(' ') },
      (uptime() + 60) * 1000,
    ],
    ['by another machine, more than a minute ago', { ...own, machine: 'boot ns elsewhere' }, 2 * MINUTE],
  ])('%s is taken', async (_, holder, age) => {
    await leave(JSON.stringify(holder), age)
    expect(await take()).toBe('taken')
  })

  test('by another machine a moment ago is respected: its processes cannot be seen', async () => {
    await leave(JSON.stringify({ ...own, machine: 'boot ns elsewhere' }), 1000)
    await expect(take()).rejects.toMatchObject({ code: 'locked' })
  })

  test.each(['', '{"pid":', '{}', 'null', '[]', '{"pid":"1","started":"1","machine":"m"}'])(
    'unfinished as %j is respected while it may still be written, then taken',
    async (content) => {
      await leave(content, 1000)
      await expect(take()).rejects.toMatchObject({
        code: 'locked',
        found: expect.stringContaining('unknown'),
      })
      await leave(content, MINUTE)
      expect(await take()).toBe('taken')
    },
  )
})
