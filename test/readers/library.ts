/** Releases in which every file says of which release it is, and a process that reads them as an agent does. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Files } from '../surfaces/fixture.ts'

const READER = fileURLToPath(new URL('reader.mjs', import.meta.url))
/** What the person has beside it. */
export const WORDS = 'mine\n'
/** In every release. */
export const STEADY = ['changing', 'growing', 'same']

/** Some skills stay, some change in text or in what they hold, some come and go. */
export function libraryOf(release: number): Files {
  const steps = Array.from({ length: 1 + (release % 4) }, (_, step) => `scripts/step-${step}.sh`)
  return {
    ...skill('changing', `${release}`, ['references/a.md', 'scripts/run.sh']),
    ...skill('growing', `${release}`, steps),
    ...skill('same', 'always', ['scripts/run.sh']),
    ...skill(`only-${release % 3}`, `${release}`, ['scripts/run.sh']),
  }
}

/** reader.mjs knows this form. */
function skill(name: string, release: string, paths: readonly string[]): Files {
  const main = { skill: name, release, files: ['SKILL.md', ...paths].sort() }
  const texts = paths.map((path) => [
    `skills/${name}/${path}`,
    `${name} ${release}: ${path}\n${'.'.repeat(3000)}end\n`,
  ])
  return Object.fromEntries([[`skills/${name}/SKILL.md`, `${JSON.stringify(main)}\n`], ...texts])
}

export interface ReadSurface {
  readonly root: string
  readonly pointer: string
  readonly by: 'link' | 'copy'
}

export interface Read {
  readonly rounds: number
  /** Skills that were read whole, by handle. */
  readonly skills: number
  /** Skills that were switched while they were read path by path. */
  readonly crossed: number
  readonly absent: number
  /** How many releases it met. */
  readonly releases: number
  readonly failures: readonly string[]
}

export interface Reader {
  /** How often it has read everything so far. */
  rounds(): number
  end(): Promise<Read>
}

/** Starts a reader, and waits until it has read everything once. */
export async function startReader(roots: readonly ReadSurface[]): Promise<Reader> {
  const child = spawn(process.execPath, [READER, JSON.stringify({ roots, steady: STEADY, words: WORDS })], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let [stdout, stderr] = ['', '']
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const begun = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      resolve()
    })
  })
  await Promise.race([begun, ended])
  return {
    rounds() {
      if (stderr !== '') throw new Error(`the reader failed: ${stderr}`)
      return stdout.split('.\n').length - 1
    },
    async end() {
      child.stdin.end()
      await ended
      if (stderr !== '') throw new Error(`the reader failed: ${stderr}`)
      return JSON.parse(stdout.slice(stdout.indexOf('{')))
    },
  }
}
