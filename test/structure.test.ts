import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

const BELOW_FLOWS = [
  'src/core',
  'src/disk',
  'src/store',
  'src/archive',
  'src/trust',
  'src/home',
  'src/edits',
  'src/surfaces',
  'src/doctor',
]

/** Each room with those it may import from (DESIGN §6); its own files always. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  'src/core': [],
  'src/disk': ['src/core'],
  'src/store': ['src/core', 'src/disk'],
  'src/archive': ['src/core', 'src/disk'],
  'src/trust': ['src/core', 'src/disk', 'src/store'],
  'src/home': ['src/core', 'src/disk', 'src/trust'],
  'src/edits': ['src/core', 'src/disk', 'src/trust', 'src/home'],
  'src/surfaces': ['src/core', 'src/disk', 'src/trust', 'src/home', 'src/edits'],
  'src/doctor': ['src/core', 'src/disk', 'src/trust', 'src/home', 'src/edits', 'src/surfaces'],
  'src/flows': [...BELOW_FLOWS],
  src: [...BELOW_FLOWS, 'src/flows'],
  cli: ['src', ...BELOW_FLOWS, 'src/flows'],
  ci: ['src', 'src/flows', 'cli'],
}

function roomOf(file: string): string {
  const directory = dirname(file)
  return directory.startsWith('cli') ? 'cli' : directory
}

function sources(directory: string): string[] {
  return readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((name) => name.endsWith('.ts'))
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const named = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path]) => path ?? '')
  return named.map((path) => relative(root, join(root, dirname(file), path)))
}

describe('the house', () => {
  const files = ['src', 'cli', 'ci'].flatMap(sources)

  test('imports run one way', () => {
    const wrong = files.flatMap((file) =>
      importsOf(file)
        .filter((path) => roomOf(path) !== roomOf(file) && !ROOMS[roomOf(file)]?.includes(roomOf(path)))
        .map((path) => `${file} imports ${path}`),
    )
    expect(wrong).toEqual([])
  })

  test('core has no I/O: it imports no module of Node', () => {
    const wrong = files.filter(
      (file) => roomOf(file) === 'src/core' && readFileSync(join(root, file), 'utf8').includes("'node:"),
    )
    expect(wrong).toEqual([])
  })

  test('only the entry points decide how the process ends, and libraries print nothing', () => {
    const wrong = files
      .filter((file) => file.startsWith('src'))
      .filter((file) =>
        /process\.exit|console\.|process\.(?:stdout|stderr)/.test(readFileSync(join(root, file), 'utf8')),
      )
    expect(wrong).toEqual([])
  })
})
