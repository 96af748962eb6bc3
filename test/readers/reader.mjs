/**
 * An agent, as far as surfaces are concerned: reads every skill of the roots that it is given, again and again, with a dot
 * for each round, until its stdin ends; then tells what it saw. Every way to read is here, with what it may expect (SPEC.md, "What a reader sees"):
 *
 * - listing: no entry leads nowhere at any instant.
 * - by handle: whoever enters the directory of a skill once and reads below it finds one release, whole.
 * - by path: each file is whole; all of them are of one release as long as the entry stayed the same meanwhile.
 */
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const { roots, steady, words } = JSON.parse(process.argv[2])
const told = { rounds: 0, skills: 0, crossed: 0, absent: 0, releases: 0, failures: [] }
const releases = new Set()

const fail = (what) => told.failures.length < 10 && told.failures.push(what)

/** @returns undefined for what is not there */
function unlessAbsent(read) {
  try {
    return read()
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  }
}

const versionOf = (path, stat) => {
  const info = unlessAbsent(() => stat(path, { bigint: true }))
  return info && `${info.ino} ${info.ctimeNs}`
}

/** What tells that nothing was switched between two looks: the pointer and the entry are the same. */
const identityOf = ({ pointer }, entry) => `${versionOf(pointer, lstatSync)} ${versionOf(entry, lstatSync)}`

/** A file as test/readers/library.ts writes it. */
function isWhole(text, skill, path, release) {
  if (path === 'SKILL.md') return JSON.parse(text).skill === skill
  return text === `${skill} ${release}: ${path}\n${'.'.repeat(3000)}end\n`
}

/** All files of a skill by path, and whether they are one release, whole. */
function judge(skill, files, how) {
  const main = files.get('SKILL.md')
  if (main === undefined) return fail(`${how}: ${skill} without SKILL.md: ${[...files.keys()]}`)
  const { release, files: promised } = JSON.parse(main)
  const found = [...files.keys()].sort()
  if (JSON.stringify(found) !== JSON.stringify(promised))
    return fail(`${how}: ${skill} of ${release} has ${found} instead of ${promised}`)
  for (const [path, text] of files)
    if (!isWhole(text, skill, path, release)) return fail(`${how}: ${skill}/${path} is not of ${release}`)
  releases.add(release)
  told.skills += 1
}

function list(root) {
  const names = readdirSync(root).filter((name) => !name.startsWith('.'))
  for (const name of names) {
    const entry = join(root, name)
    const before = versionOf(entry, lstatSync)
    if (before === undefined || versionOf(entry, statSync) !== undefined) continue
    if (versionOf(entry, lstatSync) === before) fail(`listing: ${entry} leads nowhere`)
  }
  return names
}

/** The working directory is a handle that every system has. */
function readByHandle(root, skill) {
  if (unlessAbsent(() => process.chdir(join(root, skill)) ?? true) === undefined) return false
  const files = readdirSync('.', { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map(({ parentPath, name }) => join(parentPath, name))
  judge(skill, new Map(paths.map((path) => [path, readFileSync(path, 'utf8')])), 'by handle')
  process.chdir('/')
  return true
}

function readByPath(surface, root, skill) {
  const entry = join(root, skill)
  const before = identityOf(surface, entry)
  const main = unlessAbsent(() => readFileSync(join(entry, 'SKILL.md'), 'utf8'))
  if (main === undefined) return false
  const { files, release } = JSON.parse(main)
  const found = new Map()
  for (const path of files) {
    const text = unlessAbsent(() => readFileSync(join(entry, path), 'utf8'))
    if (text === undefined) continue
    if (!text.endsWith('}\n') && !text.endsWith('end\n')) fail(`by path: ${skill}/${path} is cut off`)
    found.set(path, text)
  }
  const isOne = files.every((path) => found.has(path) && isWhole(found.get(path), skill, path, release))
  if (isOne) return true
  told.crossed += 1
  if (identityOf(surface, entry) === before) fail(`by path: ${skill} of ${release} is a mixture`)
  return true
}

function round() {
  for (const surface of roots) {
    const root = join(surface.root, 'skills')
    for (const name of new Set([...list(root), ...steady])) {
      if (name === 'mine') {
        if (readFileSync(join(root, name, 'SKILL.md'), 'utf8') !== words)
          fail('what the person has is different')
        continue
      }
      for (const isThere of [readByHandle(root, name), readByPath(surface, root, name)]) {
        if (isThere || !steady.includes(name)) continue
        told.absent += 1
        // A copy is out of its place for a moment; a link never is.
        if (surface.by === 'link') fail(`${name} is not there`)
      }
    }
  }
  told.rounds += 1
}

let ends = false
process.stdin.on('end', () => {
  ends = true
})
process.stdin.resume()
const go = () => {
  round()
  process.stdout.write('.\n')
  if (!ends) return setImmediate(go)
  told.releases = releases.size
  process.stdout.write(`${JSON.stringify(told)}\n`)
}
go()
