/** What a command does not use is not loaded: it is what makes the cheap commands cheap. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Site } from '../support/cli.ts'

const HOOK = new URL('../support/record-modules.mjs', import.meta.url).href

describe('modules', () => {
  let site: Site
  beforeAll(async () => {
    site = await Site.create({ commits: 1 })
    await site.joined('home')
  })
  afterAll(() => site.remove())

  /** The packages, and files of ours, that a command loads. */
  async function loadedBy(name: string, args: string[], exit = 0, env: NodeJS.ProcessEnv = {}) {
    const record = join(site.directory, `modules-${name}`)
    const ran = await site.run([...args, '--home', site.home('home')], {
      env: { ...env, NODE_OPTIONS: `--import=${HOOK}`, RECORD_MODULES: record },
    })
    expect(ran).toMatchObject({ exit })
    const urls = (await readFile(record, 'utf8')).split('\n')
    const packages = urls.flatMap((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? [])
    return { packages: [...new Set(packages)].sort(), urls: urls.join('\n') }
  }

  it('of --version are the parser of the command line alone', async () => {
    const { packages, urls } = await loadedBy('version', ['--version'])
    expect(packages).toEqual(['commander'])
    expect(urls).not.toMatch(/dist\/cli\/commands|dist\/src\/(?:flows|store|trust)/)
  })

  it('of status include no store, no signatures and no TUF', async () => {
    const { packages, urls } = await loadedBy('status', ['status'])
    expect(packages).toEqual(['commander', 'fastest-levenshtein'])
    expect(urls).toContain('dist/src/flows/status.js')
    expect(urls).not.toMatch(/dist\/src\/(?:store\/(?:s3|http|file)|trust\/(?:reader|verifier|writer))\.js/)
  })

  it('of a pull that finds nothing new include no TUF and no tar', async () => {
    const { packages, urls } = await loadedBy('pull', ['pull'])
    expect(urls).toContain('dist/src/store/file.js')
    expect(packages.filter((name) => /aws|tuf|tar|ssri/.test(name))).toEqual([])
  })

  it('of a pull that installs include TUF, which shows that the recorder sees it, but no SDK', async () => {
    await site.commit({ 'skills/review/SKILL.md': '# newer\n' })
    await site.publish()
    const { packages } = await loadedBy('update', ['pull'])
    expect(packages).toEqual(expect.arrayContaining(['tuf-js', 'tar']))
    expect(packages.filter((name) => name.startsWith('@aws-sdk'))).toEqual([])
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
