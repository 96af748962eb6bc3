/** `skillsctl export` as people run it: what an independent reader finds in the bundles is what the manifest says. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseManifest } from '../../src/core/manifest.ts'
import { execute, Site, shellCommand } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'

/** Python has a zip reader of its own. Prints name, mode and digest of every file, and checks what zips check. */
const READER = `
import hashlib, json, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as bundle:
    assert bundle.testzip() is None
    print(json.dumps([
        [info.filename, oct(info.external_attr >> 16), hashlib.sha256(bundle.read(info)).hexdigest()]
        for info in bundle.infolist()
    ]))
`

const hasPython = spawnSync('python3', ['--version']).status === 0

const HEAD = '---\nname: quarterback\nmodel: opus # ours\ndescription: Calls the play.\n---\n'

describe('skillsctl export', () => {
  let site: Site
  let machine: Awaited<ReturnType<Site['joined']>>

  beforeAll(async () => {
    site = await Site.create({ commits: 0, how: runHere })
    const script = join(site.checkout, 'skills/quarterback/scripts/run.sh')
    await site.commit({
      'skills/quarterback/SKILL.md': `${HEAD}\n# Quarterback\n`,
      'skills/quarterback/scripts/run.sh': '#!/bin/sh\necho run\n',
      'skills/quarterback/doc/Spielzüge.md': 'laufen\n'.repeat(1000),
      'skills/quarterback/empty': '',
      'skills/review/SKILL.md': '# no head\n',
    })
    await chmod(script, 0o755)
    await site.commit({})
    await site.publish()
    machine = await site.joined('home')
  })
  afterAll(() => site.remove())

  const at = (name: string) => join(site.directory, name)

  it.skipIf(!hasPython)('makes a zip that others can read, of what the manifest says', async () => {
    const output = at('a place with "quotes" & ü')
    const ran = await machine(['export', 'quarterback', '--zip', '--output', output])
    const zip = join(output, 'quarterback.zip')
    expect(ran).toMatchObject({ exit: 0, stderr: '' })
    expect(ran.stdout).toMatch(
      /^wrote .+\/quarterback\.zip, \d+ B\n {2}without model: an upload refuses that\n$/,
    )

    const { version } = await site
      .json(['status', '--home', site.home('home')])
      .then(({ current }) => current)
    const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
    const path = join(site.home('home'), 'manifests', `${version}.json`)
    const { files } = parseManifest(await readFile(path, 'utf8'), hash)
    const specified = HEAD.replace('model: opus # ours\n', '')
    const expected = files.flatMap((file) => {
      if (file.mode === 'link' || !file.path.startsWith('skills/quarterback/')) return []
      const digest = file.path.endsWith('/SKILL.md')
        ? hash(`${specified}\n# Quarterback\n`)
        : Buffer.from(file.integrity.slice('sha256-'.length), 'base64').toString('hex')
      return [[file.path.slice('skills/'.length), `0o100${file.mode}`, digest]]
    })
    expect(expected).toHaveLength(4)
    const python = await execute('python3', ['-c', READER, zip])
    expect(JSON.parse(python.stdout)).toEqual(expected)
  })

  it('makes the same bytes again, whatever umask and time zone, and leaves them alone', async () => {
    const output = at('again')
    const digests = new Set<string>()
    for (const [umask, zone] of [
      ['022', 'UTC'],
      ['077', 'Pacific/Kiritimati'],
      ['000', 'America/Los_Angeles'],
    ]) {
      const args = ['export', 'quarterback', '--zip', '--json', '--home', site.home('home')]
      const command = `umask ${umask}; mkdir -p '${output}${umask}'; cd '${output}${umask}'; exec ${shellCommand(args)}`
      const { stdout } = await execute('sh', ['-c', command], { env: { TZ: zone } })
      const [made] = JSON.parse(stdout).exported
      expect(made).toMatchObject({ outcome: 'written', file: join(`${output}${umask}`, 'quarterback.zip') })
      digests.add(
        createHash('sha256')
          .update(await readFile(made.file))
          .digest('hex'),
      )
      expect(digests).toContain(made.sha256)
    }
    expect(digests.size).toBe(1)
    const ran = await machine(['export', 'skills/quarterback', '--zip', '--output', `${output}077`])
    expect(ran.stdout).toMatch(/^unchanged: /)
  })

  it('writes nothing when one of the skills would be refused', async () => {
    const output = at('refused')
    const ran = await site.run(
      ['export', '--all', '--zip', '--output', output, '--home', site.home('home')],
      {},
      runHere,
    )
    expect(ran).toMatchObject({ exit: 1, stdout: '' })
    expect(ran.stderr).toBe(
      `error: an upload would refuse this skill: review
  found: has a SKILL.md that has no head between two lines of ---
hint: begin it with: ---, name: …, description: …, ---
`,
    )
    expect(existsSync(output)).toBe(false)
  })

  it('is shown by surface list as what it is: made here, seen by nobody', async () => {
    const here = (...args: string[]) => site.run([...args, '--home', site.home('home')], {}, runHere)
    const added = await here('surface', 'add', 'claude-desktop')
    expect(added.stdout).toContain('skillsctl export --all --zip')
    expect((await here('surface', 'list')).stdout).toBe(
      'claude-desktop: manual: never exported, not verifiable\n',
    )
    await here('export', 'quarterback', '--zip', '--output', at('listed'))
    const listed = (await here('surface', 'list')).stdout
    expect(listed).toMatch(
      /^claude-desktop: manual: last exported 2026\.01\.\d\d-.{7}, \d+ s ago, not verifiable\n$/,
    )

    await site.commit({ 'skills/quarterback/empty': 'no more\n' })
    await site.publish()
    await machine(['pull'])
    expect((await here('surface', 'list')).stdout).toMatch(
      / ago, 1 of 1 skills changed since; not verifiable\n$/,
    )
  })

  it('finds edits before it writes', async () => {
    const file = join(site.home('home'), 'current/skills/quarterback/empty')
    await chmod(file, 0o644)
    await writeFile(file, 'edited')
    const ran = await machine(['export', 'quarterback', '--zip', '--output', at('drift')])
    expect(ran).toMatchObject({ exit: 6, stdout: '' })
    expect(ran.stderr).toMatch(
      /not what the release says: skills\/quarterback\/empty\nhint: .*verify --repair/,
    )
    expect(existsSync(at('drift'))).toBe(false)
  })
})
