/** What may become of a standby while nobody looks. The tree holds README.md, skills/a/{SKILL.md,run.sh} and skills/latest -> a. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

/** @param standby its directory. @param release that of the release it is a copy of */
type Damage = (standby: string, release: string) => void

const inTree =
  (path: string, damage: (path: string) => void): Damage =>
  (standby) =>
    damage(join(standby, 'tree', path))

const makePipe = (path: string): void => void execFileSync('mkfifo', [path])

function replaceByLink(path: string, target: string): void {
  rmSync(path, { recursive: true })
  symlinkSync(target, path)
}

/** The same bytes, size and times: only the inode and the time of its change tell. */
function forge(path: string, content: (before: Buffer) => Buffer): void {
  const { atime, mtime, mode } = statSync(path)
  const before = readFileSync(path)
  chmodSync(path, 0o644)
  writeFileSync(path, content(before))
  chmodSync(path, mode)
  utimesSync(path, atime, mtime)
}

const half = (path: string): void => truncateSync(path, statSync(path).size >> 1)

export const DAMAGES: Readonly<Record<string, Damage>> = {
  'an edited file': inTree('README.md', (path) => forge(path, () => Buffer.from('edited'))),
  'a file edited to the same size and time': inTree('README.md', (path) =>
    forge(path, (before) => Buffer.alloc(before.length, 'x')),
  ),
  'a file written again with the same bytes, which may not be on disk': inTree('README.md', (path) =>
    forge(path, (before) => before),
  ),
  'an edited executable': inTree('skills/a/run.sh', (path) => forge(path, () => Buffer.from('#!/bin/no'))),
  'a deleted file': inTree('skills/a/SKILL.md', unlinkSync),
  'a deleted directory': inTree('skills', (path) => rmSync(path, { recursive: true })),
  'a deleted link': inTree('skills/latest', unlinkSync),
  'an added file': inTree('skills/a/more.md', (path) => writeFileSync(path, 'more')),
  'an added file beside everything': inTree('more.md', (path) => writeFileSync(path, 'more')),
  'an added file that is nobody’s work': inTree('skills/.DS_Store', (path) => writeFileSync(path, '')),
  'an added directory': inTree('skills/b', (path) => mkdirSync(path)),
  'an added link': inTree('skills/b', (path) => symlinkSync('a', path)),
  'an added pipe': inTree('skills/pipe', makePipe),
  'a file that everybody may write': inTree('README.md', (path) => chmodSync(path, 0o666)),
  'a file that became executable': inTree('README.md', (path) => chmodSync(path, 0o555)),
  'an executable that is none any more': inTree('skills/a/run.sh', (path) => chmodSync(path, 0o444)),
  'a directory of another mode': inTree('skills', (path) => chmodSync(path, 0o700)),
  'a tree of another mode': inTree('', (path) => chmodSync(path, 0o700)),
  'a file that has another name as well': (standby) =>
    linkSync(join(standby, 'tree/README.md'), join(dirname(standby), 'other-name')),
  'a file that is a link to the installed one': (standby, release) =>
    replaceByLink(join(standby, 'tree/README.md'), join(realpathSync(release), 'README.md')),
  'a file that is a pipe': inTree('README.md', (path) => {
    unlinkSync(path)
    makePipe(path)
  }),
  'a file that is a directory': inTree('README.md', (path) => {
    unlinkSync(path)
    mkdirSync(path)
  }),
  'a directory that is a file': inTree('skills/a', (path) => {
    rmSync(path, { recursive: true })
    writeFileSync(path, 'a')
  }),
  'a directory that is a link to the installed one': (standby, release) =>
    replaceByLink(join(standby, 'tree/skills'), join(realpathSync(release), 'skills')),
  'a directory that is a link to itself': inTree('skills', (path) => replaceByLink(path, 'skills')),
  'a link to somewhere else': inTree('skills/latest', (path) => replaceByLink(path, '../..')),
  'a tree that is a link to the release': (standby, release) =>
    replaceByLink(join(standby, 'tree'), realpathSync(release)),
  'no tree': inTree('', (path) => rmSync(path, { recursive: true })),
  'an empty tree': inTree('', (path) => {
    rmSync(path, { recursive: true })
    mkdirSync(path)
  }),
  'a tree that is a file': inTree('', (path) => {
    rmSync(path, { recursive: true })
    writeFileSync(path, 'tree')
  }),
  'a copy of all of it': (standby) => {
    const other = `${standby}-other`
    cpSync(standby, other, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })
    rmSync(standby, { recursive: true })
    renameSync(other, standby)
  },
  'a torn stat': (standby) => half(join(standby, 'stat')),
  'an empty stat': (standby) => truncateSync(join(standby, 'stat')),
  'no stat': (standby) => unlinkSync(join(standby, 'stat')),
  'a stat that is a pipe': (standby) => {
    unlinkSync(join(standby, 'stat'))
    makePipe(join(standby, 'stat'))
  },
  'a stat of the release': (standby, release) =>
    cpSync(`${release.replace('/releases/', '/manifests/')}.stat`, join(standby, 'stat')),
  'a torn base': (standby) => half(join(standby, 'base')),
  'no base': (standby) => unlinkSync(join(standby, 'base')),
  'a base of another release': (standby) => writeFileSync(join(standby, 'base'), '0'.repeat(64)),
  'a base that is a pipe': (standby) => {
    unlinkSync(join(standby, 'base'))
    makePipe(join(standby, 'base'))
  },
  'a base that is a directory': (standby) => {
    unlinkSync(join(standby, 'base'))
    mkdirSync(join(standby, 'base'))
  },
  'a file in its place': (standby) => {
    rmSync(standby, { recursive: true })
    writeFileSync(standby, 'standby')
  },
  'a pipe in its place': (standby) => {
    rmSync(standby, { recursive: true })
    makePipe(standby)
  },
  'a link in its place, to where it is now': (standby) => {
    const elsewhere = `${standby}-elsewhere`
    renameSync(standby, elsewhere)
    symlinkSync(elsewhere, standby)
  },
  'a link to nowhere in its place': (standby) => replaceByLink(standby, 'nowhere'),
  'an empty directory in its place': (standby) => {
    rmSync(standby, { recursive: true })
    mkdirSync(standby)
  },
}

/** Those that only somebody who is not root notices. */
export const OBSTACLES: Readonly<Record<string, Damage>> = {
  'a directory that may not be read': inTree('skills/a', (path) => chmodSync(path, 0)),
  'a tree that may not be read': inTree('', (path) => chmodSync(path, 0)),
  'a tree that may not be written to': inTree('', (path) => chmodSync(path, 0o555)),
  'a file that may not be read': inTree('README.md', (path) => chmodSync(path, 0)),
  'a stat that may not be read': (standby) => chmodSync(join(standby, 'stat'), 0),
  'a base that may not be read': (standby) => chmodSync(join(standby, 'base'), 0),
}
