/** Where a command runs: cron, a read-only home, an interrupted pull, pipes. */
import { spawn } from 'node:child_process'
import { chmod, chown, cp, mkdir, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BARE, execute, run, Site, shellCommand } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'
import { isOpenToOthers, isRoot } from '../support/unprivileged.ts'

/** nobody, where we may become somebody else. */
const NOBODY = isRoot ? 65534 : undefined
/** Somebody else has to reach the program that is started. */
const asNobody = it.runIf(NOBODY === undefined || isOpenToOthers())

describe('the environment of a command', () => {
  let site: Site
  beforeAll(async () => {
    site = await Site.create({ prepare: runHere })
  })
  afterAll(() => site.remove())

  it('may be that of cron: no HOME, no terminal, another directory', async () => {
    await site.joined('cron')
    const env = { PATH: '/usr/bin:/bin', SKILLSCTL_HOME: site.home('cron') }
    expect(await run(['pull', '--quiet', '--best-effort'], { env, cwd: '/' })).toEqual({
      exit: 0,
      stdout: '',
      stderr: '',
    })
  })

  asNobody('without HOME is the home of the user that the system knows', async () => {
    const { exit, stdout } = await run(['status', '--json'], { uid: NOBODY })
    expect(exit).toBe(2)
    expect(JSON.parse(stdout).error.subject).toMatch(/^\/.+\/\.local\/share\/skillsctl$/)
  })

  it('honours XDG_DATA_HOME, and SKILLSCTL_HOME before it', async () => {
    const subject = async (env: NodeJS.ProcessEnv) =>
      JSON.parse((await run(['status', '--json'], { env })).stdout).error.subject
    expect(await subject({ XDG_DATA_HOME: '/data' })).toBe('/data/skillsctl')
    expect(await subject({ XDG_DATA_HOME: '/data', SKILLSCTL_HOME: '/mine' })).toBe('/mine')
  })

  asNobody(
    'may be a home that cannot be written: status works, pull says why and keeps what runs',
    async () => {
      await site.joined('read-only')
      const home = join(site.directory, 'read-only')
      await cp(site.home('read-only'), home, { recursive: true, verbatimSymlinks: true })
      const others = [site.directory, ...(await everyPath(home))]
      for (const path of others) await chmod(path, 0o555)
      await site.commit({ 'skills/review/SKILL.md': '# for the read-only home\n' })
      await site.publish()
      const as = (args: string[]) => run([...args, '--home', home], { uid: NOBODY })
      const before = await readlink(join(home, 'current'))
      const status = await as(['status'])
      const pull = await as(['pull'])
      await chmod(site.directory, 0o755)
      for (const path of await everyPath(home)) await chmod(path, 0o755)
      expect(status).toMatchObject({ exit: 0, stderr: '' })
      expect(pull.exit).toBe(1)
      expect(pull.stderr).toMatch(/error: permission denied: .+read-only[\s\S]+hint: /)
      expect(await readlink(join(home, 'current'))).toBe(before)
    },
  )

  async function everyPath(directory: string): Promise<string[]> {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true })
    const real = entries.filter((entry) => !entry.isSymbolicLink())
    return [directory, ...real.map((entry) => join(entry.parentPath, entry.name))]
  }

  asNobody('may be a user that is nobody', async () => {
    const home = join(site.directory, 'nobody', 'home')
    await mkdir(home, { recursive: true })
    await chmod(site.directory, 0o755)
    if (NOBODY !== undefined) {
      await chown(home, NOBODY, NOBODY)
      await execute('chmod', ['-R', 'a+rX', site.store])
    }
    const as = (args: string[]) => run([...args, '--home', home], { uid: NOBODY })
    expect(await as(['join', site.tokens.canary])).toMatchObject({ exit: 0, stderr: '' })
    expect(await as(['pin'])).toMatchObject({ exit: 0, stderr: '' })
    expect(await as(['verify'])).toMatchObject({ exit: 0, stderr: '' })
  })

  it('may interrupt a pull: the old release runs, and the next pull leaves no debris', async () => {
    const server = await startStallingServer(site.store)
    const home = site.home('interrupted')
    const root = /"root": "(.+)"/.exec(await readFile(join(site.checkout, 'skillsctl.json'), 'utf8'))?.[1]
    const machine = site.machine('interrupted')
    try {
      await machine(['join', server.url, '--root', String(root), '--channel', 'canary'])
      const before = await readlink(join(home, 'current'))
      await site.commit({ 'skills/review/SKILL.md': '# interrupted\n' })
      await site.publish()
      // The download of an archive is what takes long enough to be interrupted.
      await rm(join(site.store, 'catchup'), { recursive: true })
      const stalled = server.stall()
      const [program = '', ...args] = [process.execPath, ...mainArguments(['pull', '--home', home])]
      const child = spawn(program, args, { env: BARE, stdio: 'ignore' })
      const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code)))
      await stalled
      child.kill('SIGINT')
      expect(['SIGINT', 130]).toContain(await ended)
      server.flow()
      expect(await readlink(join(home, 'current'))).toBe(before)
      expect(await machine(['verify'])).toMatchObject({ exit: 0 })
      expect(await machine(['pull'])).toMatchObject({ exit: 0, stderr: '' })
      expect(await readlink(join(home, 'current'))).not.toBe(before)
      expect(await readdir(join(home, 'staging'))).toEqual([])
      expect(await readdir(home)).not.toContain('lock')
    } finally {
      await server.close()
    }
  })

  it('may be a pipe whose reader has seen enough', async () => {
    const line = `set -o pipefail; ${shellCommand(['completion', 'bash'])} | head -n 1`
    expect(await execute('bash', ['--norc', '-c', line])).toMatchObject({ exit: 0, stderr: '' })
  })

  it('gets data on stdout and everything else on stderr, without colour where nobody looks', async () => {
    const machine = await site.joined('streams')
    const status = await machine(['status'])
    expect(status).toMatchObject({ exit: 0, stderr: '' })
    const failed = await machine(['rollback', '9999'])
    expect(failed).toMatchObject({ exit: 1, stdout: '' })
    expect(status.stdout + failed.stderr).not.toContain('\u001b')
  })

  it('gets nothing but errors with --quiet', async () => {
    const machine = await site.joined('quiet')
    expect(await machine(['pull', '--quiet'])).toEqual({ exit: 0, stdout: '', stderr: '' })
    expect((await machine(['rollback', '9999', '--quiet'])).stderr).toMatch(/^error: /)
  })
})

function mainArguments(args: readonly string[]): string[] {
  return [new URL('../../dist/cli/main.cjs', import.meta.url).pathname, ...args]
}

/** Serves a store's directory; told to, it begins an archive and never ends it. */
async function startStallingServer(directory: string) {
  let onStall: (() => void) | undefined
  const server = createServer((request, response) => {
    const key = decodeURIComponent(new URL(request.url ?? '', 'http://any').pathname)
    readFile(join(directory, key)).then(
      (body) => answer(key, body, response),
      () => response.writeHead(404).end(),
    )
  })
  function answer(key: string, body: Buffer, response: ServerResponse): void {
    response.writeHead(200, { 'content-length': body.length })
    if (onStall === undefined || !key.startsWith('/blobs/')) {
      response.end(body)
      return
    }
    response.write(body.subarray(0, 20))
    onStall()
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Resolves once a client waits for the rest of an archive. */
    stall: () =>
      new Promise<void>((resolve) => {
        onStall = resolve
      }),
    flow: () => {
      onStall = undefined
    },
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}
