/** `skillsctl diff` as people run it, and as programs read it. */
import { chmod, cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { execute, Site, shellCommand } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'

const SKILL = 'skills/quarterback/SKILL.md'
const SCRIPT = 'skills/quarterback/run.sh'

describe('skillsctl diff', () => {
  let site: Site
  let release: string

  beforeAll(async () => {
    site = await Site.create({ commits: 0 })
    await site.commit({
      [SKILL]: 'one\ntwo\nthree\n',
      [SCRIPT]: '#!/bin/sh\n',
      'skills/review/SKILL.md': '# r\n',
    })
    await site.publish()
    await site.joined('home')
    release = join(site.home('home'), 'current/')
    await cp(release, join(site.directory, 'before'), { recursive: true })
  })
  afterAll(() => site.remove())

  const here = (...args: string[]) => site.run(['diff', ...args, '--home', site.home('home')], {}, runHere)

  async function edit(path: string, content: Buffer): Promise<void> {
    await rm(join(release, path), { force: true })
    await writeFile(join(release, path), content)
  }

  it('says nothing, and exits 0, where nobody edited', async () => {
    expect(await here('--exit-code')).toEqual({ exit: 0, stdout: '', stderr: '' })
    expect((await here('--stat')).stdout).toBe('')
  })

  it('gives a pipe a patch that git applies, byte for byte', async () => {
    await edit(SKILL, Buffer.from('one\nzwö\xff\x1b[31m\nthree', 'latin1'))
    await chmod(join(release, SCRIPT), 0o555)
    await edit('skills/review/new file.md', Buffer.from('new\r\n'))
    const copy = join(site.directory, 'before')
    // By a shell: what we would take for text loses bytes.
    const command = `${shellCommand(['diff', '--home', site.home('home')])} > patch`
    await execute('sh', ['-c', command], { cwd: site.directory })
    await execute('chmod', ['-R', 'u+w', copy])
    const applied = await execute('git', ['apply', '--whitespace=nowarn', '../patch'], { cwd: copy })
    expect(applied).toMatchObject({ exit: 0, stderr: '' })
    for (const path of [SKILL, 'skills/review/new file.md'])
      expect(await readFile(join(copy, path))).toEqual(await readFile(join(release, path)))
  })

  it('counts lines, names files, and tells by its exit when asked to', async () => {
    expect((await here('--stat')).stdout).toBe(
      `  ~ ${SKILL}  +2 -2\n  ~ ${SCRIPT}  mode\n  + skills/review/new file.md  +1 -0\n` +
        '3 files differ: +3 -2\n',
    )
    expect((await here('quarterback', '--name-only')).stdout).toBe(`${SKILL}\n${SCRIPT}\n`)
    expect(await here('--quiet', '--exit-code')).toEqual({ exit: 3, stdout: '', stderr: '' })
    expect(await here('--name-only')).toMatchObject({ exit: 0 })
  })

  it('is one object with --json', async () => {
    const { stdout } = await here('--json', 'review')
    const diff = `diff --git a/skills/review/new file.md b/skills/review/new file.md
new file mode 100644
--- /dev/null
+++ b/skills/review/new file.md\t
@@ -0,0 +1 @@
+new\r
`
    const file = { path: 'skills/review/new file.md', change: 'added', added: 1, removed: 0 }
    const [version] = stdout.match(/2026\.[^"]+/) ?? []
    expect(JSON.parse(stdout)).toEqual({ from: version, to: 'local files', files: [{ ...file, diff }] })
    expect(JSON.parse((await here('--json', '--stat', 'review')).stdout).files).toEqual([file])
  })

  it('shows a person colours, and what would steer the terminal spelled out', async () => {
    const terminal = vi.spyOn(process, 'stdout', 'get')
    terminal.mockReturnValue(Object.assign(Object.create(process.stdout), { isTTY: true }))
    const coloured = await site.run(
      ['diff', 'quarterback', '--home', site.home('home')],
      { env: { TERM: 'xterm' } },
      runHere,
    )
    const plain = await site.run(
      ['diff', 'quarterback', '--home', site.home('home')],
      { env: { TERM: 'xterm', NO_COLOR: '1' } },
      runHere,
    )
    terminal.mockRestore()
    expect(coloured.stdout).toContain('\x1b[31m-two\x1b[0m\n')
    expect(coloured.stdout).toContain('\x1b[32m+zw\ufffd\ufffd\\u001b[31m\x1b[0m\n')
    expect(plain.stdout).toContain('\n-two\n')
    expect(plain.stdout).not.toContain('\x1b')
  })

  it.each<[string, string]>([
    ['one two three', 'which two releases?'],
    ['quarterback --skill review', 'which skill?'],
    ['canary stable --against canary', 'two releases, or the edits here?'],
    ['--stat --name-only', 'lines or names?'],
  ])('diff %s: asks what is meant', async (line, message) => {
    const { exit, stderr } = await here(...line.split(' '))
    expect(exit).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr).toContain('hint: see: skillsctl diff --help')
  })
})
