/** The trees that are installed: made up, the same on every machine, or taken from any git checkout. */
import { execFile } from 'node:child_process'
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Words } from './words.ts'

const run = promisify(execFile)

export interface TreePlan {
  readonly name: string
  readonly skills: number
  readonly files: number
  readonly bytes: number
}

export const SMALL: TreePlan = { name: 'small', skills: 72, files: 90, bytes: 300_000 }
/** Files and bytes of anthropics/skills, when no checkout is given. */
export const STAND_IN: TreePlan = { name: 'stand-in', skills: 20, files: 415, bytes: 10_500_000 }
export const WIDE: TreePlan = { name: 'wide', skills: 250, files: 5_000, bytes: 20_000_000 }
export const LARGE: TreePlan = { name: 'large', skills: 250, files: 5_000, bytes: 200_000_000 }

/** A few files are much larger than most, as in real trees. */
const SPREAD = 1.6
/** No file is larger than so many times the average. */
const LARGEST = 12

export async function writeTree(directory: string, { skills, files, bytes }: TreePlan): Promise<void> {
  const words = new Words(files * 31 + skills)
  const weights = Array.from({ length: files }, () => Math.min(words.skewed(SPREAD), LARGEST))
  const scale = bytes / weights.reduce((sum, weight) => sum + weight, 0)
  for (const [index, weight] of weights.entries()) {
    const path = join(directory, pathOf(index, skills))
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, words.text(Math.max(100, weight * scale)).slice(0, Math.ceil(weight * scale)))
    if (path.endsWith('.py')) await chmod(path, 0o755)
  }
}

function pathOf(index: number, skills: number): string {
  const skill = `skills/skill-${String((index % skills) + 1).padStart(3, '0')}`
  const place = Math.floor(index / skills)
  if (place === 0) return `${skill}/SKILL.md`
  return place % 5 === 0 ? `${skill}/scripts/step-${place}.py` : `${skill}/references/part-${place}.md`
}

/** The files of a checkout's HEAD. */
export async function exportCheckout(checkout: string, directory: string): Promise<void> {
  const archive = `${directory}.tar`
  await run('git', ['-C', checkout, 'archive', '--format=tar', `--output=${archive}`, 'HEAD'])
  await run('tar', ['-x', '-f', archive, '-C', directory])
  await rm(archive)
}

/** The text files of a tree, in a fixed order. */
async function textFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const found: string[] = []
  for (const path of paths.sort()) {
    const { size } = await stat(path)
    if (size > 2_000 && size < 60_000 && !(await readFile(path)).includes(0)) found.push(path)
  }
  return found
}

/** Another line in the middle of one file. */
export async function editOneLine(directory: string): Promise<void> {
  const texts = await textFiles(directory)
  await rewrite(pick(texts, 0.5), new Words(1), 1)
}

const MODIFIED = 14
const ADDED = 4

/** Fourteen files get another paragraph, four are added, one is removed, one is renamed: twenty. */
export async function editTwentyFiles(directory: string): Promise<void> {
  const texts = await textFiles(directory)
  const words = new Words(20)
  for (let index = 0; index < MODIFIED; index++) {
    await rewrite(pick(texts, (index + 0.5) / (MODIFIED + 2)), words, 15)
  }
  for (let index = 1; index <= ADDED; index++) {
    const path = join(directory, 'skills', `added-${index}`, 'SKILL.md')
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, words.text(4_000))
  }
  await rm(pick(texts, 0.95))
  const renamed = pick(texts, 0.98)
  await rename(renamed, join(dirname(renamed), 'renamed.md'))
}

function pick(paths: readonly string[], part: number): string {
  const path = paths[Math.floor(paths.length * part)]
  if (path === undefined) throw new Error('the tree has no text files to edit')
  return path
}

/** Replaces lines in the middle. A new file under the old name: states share files by hard link. */
async function rewrite(path: string, words: Words, count: number): Promise<void> {
  const { mode } = await stat(path)
  const lines = (await readFile(path, 'utf8')).split('\n')
  lines.splice(Math.floor(lines.length / 2), count, ...Array.from({ length: count }, () => words.line()))
  await rm(path)
  await writeFile(path, lines.join('\n'), { mode })
}
