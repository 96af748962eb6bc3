/** The first question of a pull is sent before the command is loaded: that is never seen but in the time it takes. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { sha256Hex } from '../../src/trust/digest.ts'
import { encodeToken } from '../../src/trust/token.ts'
import { execute, Site } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'
import {
  type StaticFault,
  type StaticServer,
  type StaticServerOptions,
  startStaticServer,
} from '../support/static-server.ts'

/** Written by the bundler: chunk → modules. */
const CHUNKS = new URL('../../build/chunks.json', import.meta.url)
const HOOK = new URL('../support/record-modules.mjs', import.meta.url).href
const POINTER = 'metadata/timestamp.json'

describe('the first question', () => {
  let site: Site
  let root: string
  let server: StaticServer
  /** What becomes of the question for the pointer. */
  let fault: StaticFault | 'silence' | undefined
  beforeAll(async () => {
    site = await Site.create({ commits: 1, prepare: runHere })
    root = String(JSON.parse(await readFile(join(site.checkout, 'skillsctl.json'), 'utf8')).root)
    server = await serve({
      fault: ({ key }) => (key !== POINTER ? undefined : fault === 'silence' ? new Promise(() => {}) : fault),
    })
    await joined('home', server.url)
  })
  afterEach(() => {
    fault = undefined
  })
  afterAll(async () => {
    await server.close()
    await site.remove()
  })

  /** The site's repository behind a web server, below this path. */
  const serve = (options: StaticServerOptions = {}, below = ''): Promise<StaticServer> =>
    startStaticServer(async (key) => {
      if (!key.startsWith(below)) return undefined
      const body = await readFile(join(site.store, key.slice(below.length))).catch(() => undefined)
      return body && { body, etag: `"${sha256Hex(body)}"` }
    }, options)

  const asked = (from: StaticServer = server): string[] => from.requests.map(({ key }) => key)

  async function joined(home: string, url: string, env: NodeJS.ProcessEnv = {}) {
    const args = ['join', url, '--root', root, '--channel', 'canary', '--home', site.home(home)]
    const ran = await site.run(args, { env })
    expect(ran).toMatchObject({ exit: 0, stderr: '' })
  }

  /** Runs in the home that has joined. @returns also what was asked meanwhile */
  async function ran(args: readonly string[], home = 'home') {
    const before = server.requests.length
    const { exit, stdout, stderr } = await site.run([...args, '--home', site.home(home)])
    return { exit, stdout, stderr, asked: asked().slice(before) }
  }

  it('is on its way before the command line is read', async () => {
    const record = join(site.directory, 'loaded')
    const env = { NODE_OPTIONS: `--import=${HOOK}`, RECORD_MODULES: record }
    expect(await site.run(['pull', '--home', site.home('home')], { env })).toMatchObject({ exit: 0 })
    const chunks: Record<string, string[]> = JSON.parse(await readFile(CHUNKS, 'utf8'))
    const urls = (await readFile(record, 'utf8')).split('\n')
    const loaded = urls.flatMap((url) => chunks[url.replace(/^.*\//, '')] ?? [])
    const [early, reader] = ['src/store/early.ts', 'node_modules/commander/lib/command.js'].map((module) =>
      loaded.indexOf(module),
    )
    expect(early).toBeGreaterThanOrEqual(0)
    expect(early).toBeLessThan(reader ?? 0)
  })

  it('is the only one when nothing is new', async () => {
    expect(await ran(['pull'])).toMatchObject({ exit: 0, asked: [POINTER] })
    expect(server.requests.at(-1)).toMatchObject({ status: 304 })
  })

  it('is the only one of a machine that joins again', async () => {
    const again = await ran(['join', server.url, '--root', root, '--channel', 'canary'])
    expect(again).toMatchObject({ exit: 0, asked: [POINTER] })
  })

  it('is one of three when something is new, and one of five when nothing is there', async () => {
    await site.commit({ 'skills/review/SKILL.md': '# newer\n' })
    await site.publish()
    const update = await ran(['pull'])
    expect(update).toMatchObject({ exit: 0, stderr: '' })
    expect(update.asked).toHaveLength(3)
    const before = server.requests.length
    await joined('another', server.url)
    expect(asked().slice(before)).toHaveLength(5)
  })

  it('comes with one for the root that a token names, when a machine joins', async () => {
    const sha256 = root.replace(/^.*sha256:/, '')
    const join = async (version: number, home: string) => {
      const token = encodeToken({ store: server.url, root: { version, sha256 }, channel: 'canary' })
      const { exit, asked } = await ran(['join', token], home)
      return { exit, roots: asked.filter((key) => key.endsWith('.root.json')) }
    }
    expect(await join(1, 'by-token')).toEqual({
      exit: 0,
      roots: ['metadata/1.root.json', 'metadata/2.root.json'],
    })
    // There is none of that version: nobody takes another one for it.
    expect(await join(7, 'by-wrong-token')).toEqual({ exit: 5, roots: ['metadata/7.root.json'] })
  })

  describe('is not asked by', () => {
    it.each([
      ['somebody who needs help', ['pull', '--help'], 0],
      ['somebody who asks for help otherwise', ['help', 'pull'], 0],
      ['another command that has the word in it', ['inspect', 'pull'], 1],
      ['a command that needs no network', ['status'], 0],
    ])('%s', async (_, args, exit) => {
      expect(await ran(args)).toMatchObject({ exit, asked: [] })
    })

    it('a command without the directory that its flag should name', async () => {
      const trap = join(site.directory, 'trap')
      await mkdir(trap)
      await writeFile(join(trap, 'config.json'), JSON.stringify({ store: server.url }))
      const before = server.requests.length
      expect(await site.run(['pull', '--home'], { cwd: trap })).toMatchObject({ exit: 2 })
      expect(asked().slice(before)).toEqual([])
    })
  })

  describe('that nobody answers keeps nobody waiting', () => {
    it.each([
      ['a command that is refused', ['pull', '--bogus'], 2],
      [
        'a home that follows another repository',
        ['join', 'http://127.0.0.1:9/', '--root', `sha256:${'0'.repeat(64)}`],
        1,
      ],
    ])('%s', async (_, args, exit) => {
      fault = 'silence'
      expect(await ran(args)).toMatchObject({ exit })
    })

    it('a home that is damaged', async () => {
      fault = 'silence'
      await mkdir(site.home('damaged'), { recursive: true })
      const config = join(site.home('damaged'), 'config.json')
      await writeFile(config, JSON.stringify({ format: 'skillsctl-home/1', store: server.url }))
      const { exit, stderr } = await ran(['pull'], 'damaged')
      expect({ exit, stderr }).toMatchObject({ exit: 5, stderr: expect.stringMatching(/^error: /) })
      await writeFile(config, (await readFile(config, 'utf8')).slice(0, -3))
      expect(await ran(['pull'], 'damaged')).toMatchObject({ exit: 5, asked: [] })
    })
  })

  describe('is answered, like any other, by', () => {
    it.each<[string, StaticFault, number, number]>([
      ['a portal that sends us elsewhere', { kind: 'redirect', location: 'http://127.0.0.1:9/' }, 7, 3],
      ['403', { kind: 'status', status: 403 }, 4, 1],
      ['404', { kind: 'status', status: 404 }, 7, 1],
      ['a body without end', { kind: 'endless' }, 5, 1],
    ])('%s', async (_, answer, exit, requests) => {
      fault = answer
      const { asked, ...rest } = await ran(['pull'])
      expect(rest).toMatchObject({ exit, stderr: expect.stringMatching(/^error: /) })
      expect(asked).toEqual(Array(requests).fill(POINTER))
    })

    it('nobody, and asked again', async () => {
      fault = { kind: 'drop' }
      const pulled = ran(['pull'])
      while (server.requests.at(-1)?.status !== 0) await new Promise(setImmediate)
      fault = undefined
      expect(await pulled).toMatchObject({ exit: 0, stderr: '' })
    })
  })

  let copies = 0

  /** A home that knows something else. */
  async function copyOf(home: string, change: (state: string) => string): Promise<string> {
    const copy = `${home}-${++copies}`
    await execute('cp', ['-a', site.home(home), site.home(copy)])
    const path = join(site.home(copy), 'state.json')
    await writeFile(path, change(await readFile(path, 'utf8')))
    return copy
  }

  it.each<[string, (state: string) => string]>([
    ['that a bad disk changed', (state) => state.replace(/"etag": "./, '"etag": "\\n')],
    ['that no header can hold', (state) => state.replace(/"etag": "./, '"etag": "\u{1f600}')],
    ['of a state that was torn', (state) => state.slice(0, -10)],
  ])('carries no tag %s', async (_, change) => {
    const before = server.requests.length
    expect(await ran(['pull'], await copyOf('home', change))).toMatchObject({ exit: 0, stderr: '' })
    const [first, ...others] = server.requests.slice(before)
    expect(first).toMatchObject({ key: POINTER, status: 200 })
    expect(first?.headers).not.toHaveProperty('if-none-match')
    expect(others.map(({ key }) => key)).not.toContain(POINTER)
  })

  describe('goes to a store', () => {
    /** Joins at this address. @returns the first request, which was the only one of its kind */
    async function joinedAt(at: StaticServer, url: string, env: NodeJS.ProcessEnv = {}) {
      await joined(`at-${++copies}`, url, env)
      expect(at.requests).toHaveLength(5)
      return at.requests[0]
    }

    async function another(options: StaticServerOptions = {}, below = ''): Promise<StaticServer> {
      const made = await serve(options, below)
      onTestFinished(() => made.close())
      return made
    }

    it('with a path, and a slash at its end', async () => {
      const at = await another({}, 'team/skills/')
      expect(await joinedAt(at, `${at.url}/team/skills/`)).toMatchObject({ key: `team/skills/${POINTER}` })
    })

    it('with a query', async () => {
      const at = await another()
      expect(await joinedAt(at, `${at.url}/?token=sesame`)).toMatchObject({ query: 'token=sesame' })
    })

    it('with credentials', async () => {
      const at = await another()
      const authorization = `Basic ${Buffer.from('ada:p@ss').toString('base64')}`
      const first = await joinedAt(at, at.url.replace('//', '//ada:p%40ss@'))
      expect(first?.headers).toMatchObject({ authorization })
    })

    it('with a name instead of an address', async () => {
      const at = await another()
      await joinedAt(at, at.url.replace('127.0.0.1', 'localhost'))
    })

    it('behind IPv6', async ({ skip }) => {
      const at = await another({ host: '::1' }).catch(() => skip('there is no IPv6 here'))
      await joinedAt(at, at.url)
    })

    it('behind TLS, whose certificate is checked', async ({ skip }) => {
      const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(site.directory, name))
      const flags = [
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ]
      const names = ['-subj', '/CN=skillsctl', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
      const files = ['-keyout', String(key), '-out', String(cert)]
      const made = await execute('openssl', ['req', ...flags, ...names, ...files]).catch(() =>
        skip('no openssl'),
      )
      expect(made).toMatchObject({ exit: 0 })
      const tls = { key: await readFile(String(key)), cert: await readFile(String(cert)) }
      const trusting = { NODE_EXTRA_CA_CERTS: cert }
      const trusted = await another({ tls })
      await joinedAt(trusted, trusted.url.replace('127.0.0.1', 'localhost'), trusting)
      const at = await another({ tls })
      const args = ['join', at.url, '--root', root, '--home', site.home('wary')]
      expect(await site.run(args)).toMatchObject({ exit: 1, stderr: expect.stringMatching(/SELF_SIGNED/) })
      expect(at.requests).toEqual([])
    })
  })
})
