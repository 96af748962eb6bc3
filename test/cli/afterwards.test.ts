/** What a pull does once its answer is out (SPEC.md, "Standby"). */
import { access, chmod, readdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Ran, Site } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'

let site: Site
beforeAll(async () => {
  site = await Site.create({ commits: 1, prepare: runHere })
})
afterAll(() => site.remove())

let count = 0
let name = ''
beforeEach(async () => {
  count += 1
  name = `home-${count}`
  await machine(['join', site.tokens.canary])
})

/** In this process, or in one of its own where its environment is the point. */
function machine(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ran> {
  const whole = [...args, '--home', site.home(name)]
  return env === undefined ? site.run(whole, {}, runHere) : site.run(whole, { env })
}

const standby = (): Promise<boolean> =>
  access(join(site.home(name), 'standby/tree/skills/review/SKILL.md')).then(
    () => true,
    () => false,
  )

/** A process in which a system call that only the preparing makes does something else. */
function spoiled(code: string): NodeJS.ProcessEnv {
  const module = `
    import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    fs.promises.statfs = async () => { ${code} }
    syncBuiltinESMExports()`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(module)}` }
}

describe('after a pull', () => {
  it('that finds nothing new, the next update is prepared, and nobody hears of it', async () => {
    expect(await standby()).toBe(false)
    const { exit, stdout, stderr } = await machine(['pull'])
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    expect(await standby()).toBe(true)
    expect(await machine(['pull'])).toEqual({ exit: 0, stdout, stderr: '' })
    expect(await readdir(join(site.home(name), 'staging'))).toEqual([])
  })

  it('that installs, and after a join, nothing is prepared', async () => {
    await site.commit({ 'skills/review/SKILL.md': `# for ${name}\n` })
    await site.publish()
    expect(await machine(['pull'])).toMatchObject({ exit: 0 })
    expect(await standby()).toBe(false)
    await machine(['join', site.tokens.canary])
    expect(await standby()).toBe(false)
  })

  it.each([['--check'], ['--dry-run']])('with %s, nothing is prepared', async (flag) => {
    expect(await machine(['pull', flag])).toMatchObject({ exit: 0 })
    expect(await standby()).toBe(false)
  })

  it('of a pinned machine, nothing is prepared', async () => {
    await machine(['pin'])
    expect(await machine(['pull'])).toMatchObject({ exit: 0 })
    expect(await standby()).toBe(false)
  })

  it('of an edited release, nothing is prepared, and the edit stays', async () => {
    const path = join(await realpath(join(site.home(name), 'current')), 'skills/review/SKILL.md')
    await chmod(path, 0o644)
    await writeFile(path, 'mine')
    expect(await machine(['pull'])).toMatchObject({ exit: 0, stderr: '' })
    expect(await standby()).toBe(false)
    expect(await readFile(path, 'utf8')).toBe('mine')
  })

  it('that could not ask, nothing is prepared', async () => {
    const config = join(site.home(name), 'config.json')
    const before = await readFile(config, 'utf8')
    await writeFile(config, before.replace(site.url, site.beside('nowhere')))
    expect((await machine(['pull'])).exit).not.toBe(0)
    expect(await standby()).toBe(false)
  })
})

describe('preparing that fails', () => {
  const FAULTS = [
    ['an error of the system', "throw Object.assign(new Error('no'), { code: 'EIO' })", 'input/output error'],
    [
      'a mistake of ours',
      'globalThis.AbortController = undefined; return { bavail: 2 ** 30, bsize: 4096 }',
      'this is a mistake in skillsctl',
    ],
  ] as const

  it.each(FAULTS)(
    'by %s is worth a warning, and changes neither answer nor exit code',
    async (_, code, words) => {
      const { stdout } = await machine(['pull', '--json', '--check'])
      const ran = await machine(['pull', '--json'], spoiled(code))
      expect(ran.exit).toBe(0)
      expect(JSON.parse(ran.stdout)).toEqual(JSON.parse(stdout))
      expect(ran.stderr).toMatch(/^warning: could not prepare the next update: /)
      expect(ran.stderr).toContain(words)
      expect(ran.stderr.trim().split('\n')).toHaveLength(1)
      expect(await standby()).toBe(false)
    },
  )

  it('is not mentioned with --quiet', async () => {
    const ran = await machine(['pull', '--quiet'], spoiled(FAULTS[0][1]))
    expect(ran).toEqual({ exit: 0, stdout: '', stderr: '' })
  })

  it('has given its answer before it began', async () => {
    const { stdout } = await machine(['pull', '--check'])
    const killed = await machine(['pull'], spoiled("process.kill(process.pid, 'SIGKILL')"))
    expect(killed).toMatchObject({ exit: null, stdout })
    expect(await machine(['pull'])).toMatchObject({ exit: 0, stdout })
    expect(await standby()).toBe(true)
  })
})
