import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exitOf } from '../../cli/exit.ts'
import { ERROR_CODES } from '../../src/core/errors.ts'
import { withLock } from '../../src/disk/lock.ts'
import { run, Site } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'
import { startS3Server } from '../support/s3/server.ts'

describe('exit codes', () => {
  let site: Site
  beforeAll(async () => {
    site = await Site.create({ how: runHere })
  })
  afterAll(() => site.remove())

  /** Takes the store away while `work` runs. Tests that need the store do not run beside it. */
  async function offline<T>(work: () => Promise<T>): Promise<T> {
    await rename(site.store, `${site.store}-away`)
    try {
      return await work()
    } finally {
      await rename(`${site.store}-away`, site.store)
    }
  }

  it('is 0 for work done, for nothing to do, and for a commit that was superseded', async () => {
    const machine = await site.joined('zero')
    expect((await machine(['pull'])).exit).toBe(0)
    expect((await machine(['status'])).exit).toBe(0)
    const publish = (...more: string[]) => site.run(['publish', '--key', site.key('ci'), ...more])
    expect((await publish()).stdout).toMatch(/is the head of canary already/)
    expect(await publish('--commit', 'HEAD~1')).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('superseded'),
    })
  })

  it('is 1 where a rule refuses, before anything is uploaded', async () => {
    await site.commit({ 'skills/review/SKILL.md': '# not published\n' })
    const before = await readdir(site.store, { recursive: true })
    const { exit, stdout, stderr } = await site.run(['publish', '--key', site.key('release')])
    expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' })
    expect(stderr).toMatch(/^error: .+: canary\n {2}expected: .+\n {2}found: .+\nhint: .+--key/)
    expect(await readdir(site.store, { recursive: true })).toEqual(before)
    await site.git('reset', '--quiet', '--hard', 'HEAD~1')
  })

  it('is 1 when nothing is installed and the store is away', async () => {
    const machine = site.machine('first')
    const { exit, stderr } = await offline(() => machine(['join', site.tokens.canary]))
    expect(exit).toBe(1)
    expect(stderr).toContain('hint: ')
    await expect(readdir(site.home('first'))).rejects.toThrow('ENOENT')
  })

  it('is 2 for a command line that makes no sense', async () => {
    expect((await site.run(['pull', '--chek'])).exit).toBe(2)
    expect((await site.machine('nobody')(['status'])).exit).toBe(2)
  })

  it('is 3 for --check while something is new, and 0 when nothing is', async () => {
    const machine = await site.joined('three')
    expect((await machine(['pull', '--check'])).exit).toBe(0)
    await site.commit({ 'skills/review/SKILL.md': '# three\n' })
    await site.publish()
    expect(await machine(['pull', '--check'])).toMatchObject({ exit: 3 })
    expect((await machine(['pull'])).exit).toBe(0)
  })

  it('is 4 for credentials that may not', async () => {
    const server = await startS3Server()
    try {
      server.createBucket('acme')
      const { exit, stderr } = await site.run(
        ['join', `s3://acme/prod?endpoint=${server.endpoint}`, '--root', `sha256:${'0'.repeat(64)}`],
        { env: { AWS_ACCESS_KEY_ID: server.accessKeyId, AWS_SECRET_ACCESS_KEY: 'wrong' } },
      )
      expect({ exit, stderr }).toEqual({ exit: 4, stderr: expect.stringContaining('access denied') })
    } finally {
      await server.close()
    }
  })

  it('is 5 for bytes that were not signed, and the machine keeps what it runs', async () => {
    const machine = await site.joined('five')
    const before = await readFile(join(site.home('five'), 'current/skills/review/SKILL.md'), 'utf8')
    const known = await blobs()
    await site.commit({ 'skills/review/SKILL.md': '# five\n' })
    await site.publish()
    const archive = (await blobs()).find((path) => !known.includes(path)) ?? ''
    const bytes = await readFile(archive)
    await writeFile(
      archive,
      bytes.map((byte, index) => (index === 40 ? byte ^ 1 : byte)),
    )
    // With its bundle the machine would need no archive.
    await rm(join(site.store, 'catchup'), { recursive: true })
    const { exit, stdout, stderr } = await machine(['pull', '--best-effort'])
    expect({ exit, stdout }).toEqual({ exit: 5, stdout: expect.stringMatching(/^still running /) })
    expect(stderr).toContain('differs from its signed digest')
    expect(await readFile(join(site.home('five'), 'current/skills/review/SKILL.md'), 'utf8')).toBe(before)
    await writeFile(archive, bytes)
    expect((await machine(['pull'])).exit).toBe(0)
  })

  async function blobs(): Promise<string[]> {
    const directory = join(site.store, 'blobs')
    const names = await readdir(directory, { recursive: true })
    return names.filter((name) => name.endsWith('.tar.gz')).map((name) => join(directory, name))
  }

  it('is 6 for files that somebody edited', async () => {
    const machine = await site.joined('six')
    const file = join(site.home('six'), 'current/skills/review/SKILL.md')
    await rename(file, `${file}.old`)
    await writeFile(file, 'mine\n')
    expect(await machine(['verify'])).toMatchObject({ exit: 6, stdout: expect.stringContaining('modified') })
    expect((await machine(['verify', '--repair'])).exit).toBe(0)
    expect((await machine(['verify'])).exit).toBe(0)
  })

  it('is 7 when the store is away but a release runs, and 0 with --best-effort', async () => {
    const machine = await site.joined('seven')
    const [plain, patient] = await offline(async () => [
      await machine(['pull']),
      await machine(['pull', '--best-effort']),
    ])
    expect(plain).toMatchObject({ exit: 7, stdout: expect.stringMatching(/^still running /) })
    expect(patient).toMatchObject({ exit: 0, stderr: expect.stringContaining('error: ') })
  })

  it('is 7 when the repository was not signed recently enough', async () => {
    const machine = await site.joined('old')
    const { exit, stderr } = await machine(['pull', '--require-fresh', '0s'])
    expect(exit).toBe(7)
    expect(stderr).toContain('skillsctl renew')
  })

  it('is 8 when another process holds the home', async () => {
    const machine = await site.joined('eight')
    const lock = join(site.home('eight'), 'lock')
    const { exit, stderr } = await withLock(lock, () => machine(['pin'], {}, run))
    expect(exit).toBe(8)
    expect(stderr).toContain(String(process.pid))
  }, 30_000)

  it('has a code for every kind of error, and 9 for races that never end', () => {
    expect(exitOf('raced')).toBe(9)
    for (const code of ERROR_CODES) expect(exitOf(code), code).toBeGreaterThan(0)
  })
})
