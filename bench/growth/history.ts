/** A git history of any length in seconds: small commits, each a few hours after the one before. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const SKILLS = 12
const LINES = 40

/** @returns the hashes, oldest first */
export async function importHistory(
  directory: string,
  commits: number,
  timeOf: (index: number) => number,
): Promise<string[]> {
  const marks = join(directory, 'marks')
  await run('git', ['init', '-q', '--bare', '-b', 'main', directory])
  const importing = run('git', ['-C', directory, 'fast-import', '--quiet', `--export-marks=${marks}`])
  const { stdin } = importing.child
  for (let index = 0; index < commits; index++) {
    const written = stdin?.write(commitText(index, Math.floor(timeOf(index) / 1000)))
    if (written === false) await new Promise((resolve) => stdin?.once('drain', resolve))
  }
  stdin?.end()
  await importing
  const lines = (await readFile(marks, 'utf8')).trim().split('\n')
  const byMark = lines
    .map((line) => line.slice(1).split(' '))
    .map(([mark, hash = '']) => [Number(mark), hash] as const)
  return byMark.sort(([one], [other]) => one - other).map(([, hash]) => hash)
}

function commitText(index: number, seconds: number): string {
  const skills = index === 0 ? Array.from({ length: SKILLS }, (_, skill) => skill) : [index % SKILLS]
  return [
    'commit refs/heads/main',
    `mark :${index + 1}`,
    `committer Ada <ada@example.com> ${seconds} +0000`,
    data(`change ${index}`),
    ...(index === 0 ? [] : [`from :${index}`]),
    ...skills.flatMap((skill) => [
      `M 100644 inline skills/skill-${skill}/SKILL.md`,
      data(text(skill, index)),
    ]),
    '',
  ].join('\n')
}

function data(content: string): string {
  return `data ${Buffer.byteLength(content)}\n${content}`
}

function text(skill: number, revision: number): string {
  const lines = Array.from(
    { length: LINES },
    (_, line) => `Step ${line} of skill ${skill}: ${(line * 7919 + skill) % 997}.`,
  )
  lines.splice(revision % LINES, 1, `Changed in revision ${revision}.`)
  return `---\nname: skill-${skill}\ndescription: A skill that changes.\n---\n${lines.join('\n')}\n`
}
