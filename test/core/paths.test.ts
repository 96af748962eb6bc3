import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isError } from '../../src/core/errors.ts'
import { checkNames, LONGEST_PATH, type Named, pathProblem } from '../../src/core/paths.ts'

const refused = (entries: readonly Named[]): boolean => {
  try {
    checkNames(entries)
    return false
  } catch (error) {
    if (isError(error, 'refused')) return true
    throw error
  }
}

/** A kernel's path resolution over an imagined tree; `undefined` when it leaves the root. */
function walk(links: ReadonlyMap<string, string>, path: string): string[] | undefined {
  let place: string[] = []
  const rest = path.split('/')
  for (let steps = 0; rest.length > 0 && steps < 1000; steps++) {
    const name = rest.shift() ?? ''
    if (name === '..') {
      if (place.length === 0) return undefined
      place = place.slice(0, -1)
    } else if (name !== '.' && name !== '') {
      const target = links.get([...place, name].join('/'))
      if (target === undefined) place = [...place, name]
      else rest.unshift(...target.split('/'))
    }
  }
  return place
}

describe('paths', () => {
  test('that are allowed are relative, and what a join of them with a directory stays inside of', () => {
    const path = fc.array(fc.oneof(fc.constantFrom('.', '..', '', 'a', '.git', 'con'), fc.string()), {
      maxLength: 4,
    })
    fc.assert(
      fc.property(path, (names) => {
        const text = names.join('/')
        if (pathProblem(text) !== undefined) return
        expect(new URL(text.split('/').map(encodeURIComponent).join('/'), 'file:///root/').pathname).toBe(
          `/root/${text.split('/').map(encodeURIComponent).join('/')}`,
        )
      }),
      { numRuns: 500 },
    )
  })

  describe('that are plain, and pass at once,', () => {
    /** A harmless name that is not plain: beside it, every name has to pass the whole rule. */
    const passes = (path: string): boolean => pathProblem(`~/${path}`) === undefined

    test('pass the whole rule: every short one of what matters', () => {
      const LETTERS = [...'aG-_./ ~:\\\n1é', 'con', 'Nul', 'com1', 'lpt¹', '.git', 'git~1']
      const wrong: string[] = []
      const look = (path: string, more: number): void => {
        if ((pathProblem(path) === undefined) !== passes(path)) wrong.push(path)
        if (more > 0) for (const letter of LETTERS) look(path + letter, more - 1)
      }
      look('', 4)
      expect(wrong).toEqual([])
    })

    test('pass the whole rule: longer ones', () => {
      const letter = fc.constantFrom(...'abz09-_./', '..', '/', 'con', 'AUX', 'com0', 'lpt9', ' ', 'é', '$')
      const short = fc.array(letter, { maxLength: 40 }).map((letters) => letters.join(''))
      const long = fc.tuple(fc.integer({ min: 250, max: 260 }), short)
      const path = fc.oneof(
        short,
        long.map(([length, end]) => 'n'.repeat(length) + end),
        long.map(([length, end]) => `${'d/'.repeat(length)}${end}`),
      )
      fc.assert(
        // The longest path is two bytes shorter beside another name.
        fc.property(
          path.filter(({ length }) => length < LONGEST_PATH - 100),
          (text) => {
            expect(pathProblem(text) === undefined).toBe(passes(text))
          },
        ),
        { numRuns: 3000 },
      )
    })
  })

  test('are measured in bytes of UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }), (name) => {
        const path = `${name}/${name}/${name}`
        if (Buffer.byteLength(path) > LONGEST_PATH) expect(pathProblem(path)).toBeDefined()
      }),
    )
  })

  test('every letter is the twin of its own capital and small forms', () => {
    const missed: string[] = []
    for (let point = 0x41; point < 0x20000; point++) {
      const letter = String.fromCodePoint(point)
      if (pathProblem(letter) !== undefined) continue
      for (const other of [letter.toUpperCase(), letter.toLowerCase(), letter.normalize('NFD')]) {
        if (
          other !== letter &&
          pathProblem(other) === undefined &&
          !refused([{ path: letter }, { path: other }])
        )
          missed.push(`${letter} ${other}`)
      }
    }
    expect(missed).toEqual([])
  })
})

describe('links', () => {
  test('that are allowed lead nowhere outside, whatever other links they pass', () => {
    const name = fc.constantFrom('a', 'b', 'c')
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'))
    const step = fc.oneof(name, fc.constantFrom('..', '.'))
    const target = fc.array(step, { minLength: 1, maxLength: 5 }).map((names) => names.join('/'))
    const entries = fc.uniqueArray(fc.record({ path, target }), {
      selector: (entry) => entry.path,
      maxLength: 4,
    })
    let accepted = 0
    fc.assert(
      fc.property(entries, (links) => {
        if (refused(links)) return
        accepted += links.length
        const targets = new Map(links.map((link) => [link.path, link.target]))
        for (const link of links) expect(walk(targets, link.path)).toBeDefined()
      }),
      { numRuns: 3000 },
    )
    expect(accepted).toBeGreaterThan(500)
  })

  test('may pass 40 others, as in a kernel, and no more', () => {
    const chain = (length: number): Named[] =>
      Array.from({ length }, (_, index) => ({ path: `l${index}`, target: `l${index + 1}` }))
    expect(refused(chain(41))).toBe(false)
    expect(refused(chain(42))).toBe(true)
  })
})

test('a whole tree is checked in time that grows with its size, not its square', () => {
  const entries = Array.from({ length: 50_000 }, (_, index) => ({ path: `d${index % 100}/e/f${index}` }))
  expect(refused(entries)).toBe(false)
})
