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
