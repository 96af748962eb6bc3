import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { switchCurrent } from '../../src/home/activation.ts'
import { findDrift, findTouched, isUntouched, keepEdits } from '../../src/home/drift.ts'
import { manifestPath, statPath } from '../../src/home/layout.ts'
import { findIntact } from '../../src/home/place.ts'
import { currentSound, type Installed, listNames } from '../../src/home/releases.ts'
import { createTestHome, type TestHome } from './home-fixture.ts'

let home: TestHome
let release: Installed
let root: string

beforeEach(async () => {
  home = await createTestHome()
  release = await home.install({
    'README.md': 'hello',
    'skills/a/SKILL.md': '# a',
    'skills/a/run.sh': { run: '#!/bin/sh' },
    'skills/b/SKILL.md': '# b',
    'skills/latest': { link: 'a' },
  })
  root = join(home.layout.releases, release.directory)
})
afterEach(() => home.remove())

const at = (path: string): string => join(root, path)

/** Saves as an editor does: a new file in the place of the old one. */
function save(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(at(path)), { recursive: true })
  rmSync(at(path), { force: true })
  writeFileSync(at(path), content, { mode })
}

const drift = (full = false) => findDrift(home.layout, release, { full })
const keep = () => keepEdits(home.layout, release, drift())

/** Each kind of edit, and what is to be found of it. */
const EDITS: readonly [string, () => void, { path: string; kind: string }[]][] = [
  ['nothing', () => {}, []],
  ['a modified file', () => save('README.md', 'edited'), [{ path: 'README.md', kind: 'modified' }]],
  [
    'a modified file of the same size',
    () => save('README.md', 'HELLO'),
    [{ path: 'README.md', kind: 'modified' }],
  ],
  [
    'a file modified in place, its time set back',
    () => {
      const { atime, mtime } = lstatSync(at('README.md'))
      chmodSync(at('README.md'), 0o644)
      writeFileSync(at('README.md'), 'HELLO')
      utimesSync(at('README.md'), atime, mtime)
    },
    [{ path: 'README.md', kind: 'modified' }],
  ],
  ['a deleted file', () => rmSync(at('README.md')), [{ path: 'README.md', kind: 'deleted' }]],
  [
    'a deleted directory',
    () => rmSync(at('skills/a'), { recursive: true }),
    [
      { path: 'skills/a/SKILL.md', kind: 'deleted' },
      { path: 'skills/a/run.sh', kind: 'deleted' },
    ],
  ],
  ['an added file', () => save('skills/a/notes.md', 'mine'), [{ path: 'skills/a/notes.md', kind: 'added' }]],
  ['an added skill', () => save('skills/c/SKILL.md', '# c'), [{ path: 'skills/c/SKILL.md', kind: 'added' }]],
  ['an added link', () => symlinkSync('/nowhere', at('l')), [{ path: 'l', kind: 'added' }]],
  [
    'a lost executable bit',
    () => chmodSync(at('skills/a/run.sh'), 0o444),
    [{ path: 'skills/a/run.sh', kind: 'mode' }],
  ],
  [
    'an executable bit too many',
    () => chmodSync(at('README.md'), 0o755),
    [{ path: 'README.md', kind: 'mode' }],
  ],
  ['a file made writable only', () => chmodSync(at('README.md'), 0o644), []],
  [
    'a link that points elsewhere',
    () => {
      unlinkSync(at('skills/latest'))
      symlinkSync('b', at('skills/latest'))
    },
    [{ path: 'skills/latest', kind: 'modified' }],
  ],
  ['a deleted link', () => unlinkSync(at('skills/latest')), [{ path: 'skills/latest', kind: 'deleted' }]],
  [
    'a link in the place of a directory of one file, to another of the same content',
    () => {
      renameSync(at('skills/b'), at('../elsewhere'))
      symlinkSync(at('../elsewhere'), at('skills/b'))
    },
    [{ path: 'skills/b', kind: 'added' }],
  ],
  [
    'a link in the place of a file, to the same content',
    () => {
      renameSync(at('README.md'), at('skills/README.md'))
      symlinkSync('skills/README.md', at('README.md'))
    },
    [
      { path: 'README.md', kind: 'modified' },
      { path: 'skills/README.md', kind: 'added' },
    ],
  ],
  [
    'a file in the place of a link',
    () => {
      unlinkSync(at('skills/latest'))
      writeFileSync(at('skills/latest'), 'a')
    },
    [{ path: 'skills/latest', kind: 'modified' }],
  ],
  [
    'a directory in the place of a file',
    () => {
      rmSync(at('README.md'))
      save('README.md/inside', 'x')
    },
    [
      { path: 'README.md', kind: 'modified' },
      { path: 'README.md/inside', kind: 'added' },
    ],
  ],
  [
    'a file in the place of a directory',
    () => {
      rmSync(at('skills/b'), { recursive: true })
      save('skills/b', 'a file now')
    },
    [
      { path: 'skills/b', kind: 'added' },
      { path: 'skills/b/SKILL.md', kind: 'deleted' },
    ],
  ],
  [
    'a link to itself in the place of a directory',
    () => {
      rmSync(at('skills/b'), { recursive: true })
      symlinkSync('b', at('skills/b'))
    },
    [
      { path: 'skills/b', kind: 'added' },
      { path: 'skills/b/SKILL.md', kind: 'deleted' },
    ],
  ],
  ['a file touched but equal', () => utimesSync(at('README.md'), new Date(0), new Date(0)), []],
  ['a file saved again as it was', () => save('README.md', 'hello'), []],
  [
    'scratch files of editors, interpreters and file managers',
    () => {
      save('.DS_Store', 'x')
      save('skills/a/__pycache__/run.cpython-312.pyc', 'x')
      save('skills/a/.SKILL.md.swp', 'x')
    },
    [],
  ],
]

describe('drift', () => {
  test.each(EDITS)('of %s', (_, edit, expected) => {
    edit()
    expect(drift()).toEqual(expected)
    expect(drift(true)).toEqual(expected)
  })

  test.each(EDITS.filter(([, , found]) => found.length > 0))(
    'is never overlooked by its stamps: %s',
    (_, edit) => {
      expect(isUntouched(home.layout, release.directory)).toBe(true)
      edit()
      expect(isUntouched(home.layout, release.directory)).toBe(false)
    },
  )

  test.each<[string, (record: string) => string]>([
    ['by an older skillsctl', (record) => record.split('\n').slice(1, -2).join('\n')],
    ['of another manifest', (record) => record.replace(/^manifest ./, (head) => `${head.slice(0, -1)}x`)],
    ['and cut at a line', (record) => record.split('\n').slice(0, 3).join('\n')],
    ['and cut in a line', (record) => record.slice(0, record.indexOf('\n') + 8)],
  ])('is looked for file by file with a record that was written %s', (_, change) => {
    const record = statPath(home.layout, release.directory)
    writeFileSync(record, change(readFileSync(record, 'utf8')))
    expect(isUntouched(home.layout, release.directory)).toBe(false)
    expect(drift()).toEqual([])
    unlinkSync(at('skills/latest'))
    expect(findTouched(home.layout, release.directory)).toEqual([{ path: 'skills/latest', kind: 'deleted' }])
    expect(findIntact(home.layout, release)).toBeUndefined()
  })

  test('is what nobody can tell beside a damaged manifest, and then nothing is intact', async () => {
    await switchCurrent(home.layout, release.directory, 'join', 'test', 0)
    expect(currentSound(home.layout)).toMatchObject({ manifest: release.manifest })
    writeFileSync(manifestPath(home.layout, release.directory), 'garbage')
    save('README.md', 'edited')
    expect(findTouched(home.layout, release.directory)).toBeUndefined()
    // Whoever asks by the digest of what lies there has learned it from the damage.
    const [name] = listNames(home.layout)
    expect(name?.manifest).not.toBe(release.manifest)
    expect(findIntact(home.layout, name ?? release)).toBeUndefined()
    expect(currentSound(home.layout)).toBeUndefined()
  })

  test('is found by hashing when the stat record is lost or torn', () => {
    const whole = readFileSync(statPath(home.layout, release.directory), 'utf8')
    save('README.md', 'HELLO')
    for (const content of ['', '5 1 1', 'x\n\n \u0000', whole.slice(whole.indexOf('\n') + 1)]) {
      writeFileSync(statPath(home.layout, release.directory), content)
      expect(isUntouched(home.layout, release.directory)).toBe(false)
      expect(drift()).toEqual([{ path: 'README.md', kind: 'modified' }])
    }
    rmSync(statPath(home.layout, release.directory))
    expect(drift()).toEqual([{ path: 'README.md', kind: 'modified' }])
  })

  test('is found by a full look though the stat record fits', () => {
    const record = statPath(home.layout, release.directory)
    save('README.md', 'HELLO')
    const { size, mtimeMs, ctimeMs, ino } = lstatSync(at('README.md'))
    writeFileSync(record, `${[size, mtimeMs, ctimeMs, ino].join(' ')} README.md\n`)
    expect(drift()).toEqual([])
    expect(drift(true)).toEqual([{ path: 'README.md', kind: 'modified' }])
  })

  test('is none in what is neither a file nor a link: nobody works in a socket or a pipe', async () => {
    execFileSync('mkfifo', [at('skills/pipe')])
    const server = createServer().listen(at('s'))
    await new Promise((resolve) => server.once('listening', resolve))
    expect(drift()).toEqual([])
    await new Promise((resolve) => server.close(resolve))
  })
})

describe('keeping edits', () => {
  test.each(EDITS.filter(([, , found]) => found.some(({ kind }) => kind !== 'mode')))(
    'keeps %s',
    async (_, edit, expected) => {
      edit()
      const kept = (await keep()) ?? ''
      const { edits, ...about } = JSON.parse(readFileSync(join(kept, 'edits.json'), 'utf8'))
      expect(about).toEqual({ release: release.version, manifest: release.manifest })
      expect(edits).toEqual(expected)
      for (const { path, kind } of expected) {
        const copy = join(kept, 'files', path)
        if (kind === 'deleted') expect(existsSync(copy)).toBe(false)
        else if (lstatSync(at(path)).isSymbolicLink()) expect(readlinkSync(copy)).toBe(readlinkSync(at(path)))
        else if (lstatSync(at(path)).isFile()) expect(readFileSync(copy)).toEqual(readFileSync(at(path)))
      }
      expect(readdirSync(home.layout.staging).filter((name) => name.endsWith('.tmp'))).toEqual([])
    },
  )

  test('keeps nothing where only modes differ, or nothing does', async () => {
    expect(await keep()).toBeUndefined()
    chmodSync(at('README.md'), 0o755)
    expect(await keep()).toBeUndefined()
    expect(readdirSync(home.layout.kept)).toEqual([])
  })

  test('keeps the same edits once, and other ones beside them', async () => {
    save('README.md', 'one')
    const first = await keep()
    expect(await keep()).toBe(first)
    save('README.md', 'two')
    const second = await keep()
    expect(second).not.toBe(first)
    expect(readFileSync(join(first ?? '', 'files/README.md'), 'utf8')).toBe('one')
    expect(readFileSync(join(second ?? '', 'files/README.md'), 'utf8')).toBe('two')
  })

  test('does not depend on sync(1) for links that lead nowhere', async () => {
    symlinkSync('/nowhere/at/all', at('l'))
    const path = process.env['PATH']
    process.env['PATH'] = join(home.layout.root, 'empty')
    try {
      expect(await keep()).toMatch(/kept/)
    } finally {
      process.env['PATH'] = path
    }
  })

  test('keeps what a pipe took the place of as a mere mention', async () => {
    rmSync(at('README.md'))
    execFileSync('mkfifo', [at('README.md')])
    const kept = (await keep()) ?? ''
    expect(readFileSync(join(kept, 'edits.json'), 'utf8')).toContain('README.md')
  })

  // Known to fail: Drift names files by strings, and Node reads such a name as another one. The edits stay where
  // they are and every update fails until somebody renames the file.
  test.runIf(process.platform === 'linux').fails('keeps a file whose name is not UTF-8', async () => {
    writeFileSync(Buffer.concat([Buffer.from(at('caf')), Buffer.from([0xe9])]), 'mine')
    const kept = (await keep()) ?? ''
    const [name = Buffer.alloc(0)] = readdirSync(join(kept, 'files'), { encoding: 'buffer' })
    expect(readFileSync(Buffer.concat([Buffer.from(`${join(kept, 'files')}/`), name]), 'utf8')).toBe('mine')
  })
})
