/** What a command does not use is not loaded: it is what makes the cheap commands cheap. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Site } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'

/** Written by the bundler: chunk → modules. */
const CHUNKS = new URL('../../build/chunks.json', import.meta.url)
const HOOK = new URL('../support/record-modules.mjs', import.meta.url).href

/** Nobody has edited anything. */
const EDITS = /src\/(?:edits\/(?!tree-name)|flows\/(?:take-edits|count-edits|local-edits|settle)\.ts)/

describe('modules', () => {
  let site: Site
  beforeAll(async () => {
    site = await Site.create({ commits: 1, prepare: runHere })
    await site.joined('home')
  })
  afterAll(() => site.remove())

  /** The packages, and files of ours, in the chunks that a command loads. */
  async function loadedBy(name: string, args: string[], exit = 0, env: NodeJS.ProcessEnv = {}) {
    const record = join(site.directory, `modules-${name}`)
    const ran = await site.run(['--home', site.home('home'), ...args], {
      env: { ...env, NODE_OPTIONS: `--import=${HOOK}`, RECORD_MODULES: record },
    })
    expect(ran).toMatchObject({ exit })
    const chunks = (await readFile(record, 'utf8')).split('\n').map((url) => url.replace(/^.*\//, ''))
    const contents: Record<string, string[]> = JSON.parse(await readFile(CHUNKS, 'utf8'))
    const modules = chunks.flatMap((chunk) => contents[chunk] ?? [])
    const packages = modules.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [])
    return { packages: [...new Set(packages)].sort(), modules: modules.join('\n') }
  }

  it('of --version are the parser of the command line alone', async () => {
    const { packages, modules } = await loadedBy('version', ['--version'])
    expect(packages).toEqual(['commander', 'fastest-levenshtein'])
    expect(modules).not.toMatch(
      /cli\/commands|src\/(?:flows|trust|home\/(?!default-home)|store\/(?!warm|store\.ts))/,
    )
  })

  it('of status include no store, no signatures and no TUF', async () => {
    const { packages, modules } = await loadedBy('status', ['status'])
    expect(packages.filter((name) => /aws|tuf|tar|ssri|tweetnacl|yaml|fflate/.test(name))).toEqual([])
    expect(modules).toContain('src/flows/status.ts')
    expect(modules).not.toMatch(EDITS)
    expect(modules).not.toMatch(/src\/(?:store\/(?:s3|http|file)|trust\/(?:reader|verifier|writer))\.ts/)
  })

  it('of run include no store, no signatures and no TUF', async () => {
    const { packages, modules } = await loadedBy('run', ['run', 'true'])
    expect(packages).toEqual(['commander', 'fastest-levenshtein'])
    expect(modules).toContain('src/flows/run.ts')
    expect(modules).not.toMatch(
      /src\/(?:store\/(?!warm|store\.ts|address)|trust\/(?:reader|verifier|writer))/,
    )
    expect(modules).not.toMatch(/src\/(?:flows\/(?:pull|after-switch)|surfaces\/(?:show|settle|ledger))\.ts/)
  })

  it('of a pull that finds nothing new include no TUF and no tar', async () => {
    const { packages, modules } = await loadedBy('pull', ['pull'])
    expect(modules).toContain('src/store/file.ts')
    expect(modules).not.toMatch(EDITS)
    expect(packages.filter((name) => /aws|tuf|tar|ssri|yaml|fflate/.test(name))).toEqual([])
  })

  it('of an update include TUF, which shows that the recorder sees it, but no SDK and, with a bundle, no tar', async () => {
    await site.commit({ 'skills/review/SKILL.md': '# newer\n' })
    await site.publish()
    const { packages } = await loadedBy('update', ['pull'])
    expect(packages).toContain('tuf-js')
    expect(packages.filter((name) => /aws|smithy|^tar$/.test(name))).toEqual([])
  })

  it('of an s3:// URL include the SDK, and of a file:// URL do not', async () => {
    const url = 's3://acme/prod?endpoint=http://127.0.0.1:1'
    const nobody = { AWS_ACCESS_KEY_ID: 'nobody', AWS_SECRET_ACCESS_KEY: 'nothing' }
    const { packages } = await loadedBy('s3', ['inspect', url], 1, nobody)
    expect(packages).toContain('@aws-sdk/client-s3')
    const other = await loadedBy('file', ['inspect', site.url])
    expect(other.packages).not.toContain('@aws-sdk/client-s3')
  })
})
