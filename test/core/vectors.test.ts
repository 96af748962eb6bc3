/**
 * The language-neutral vectors in test/vectors, which any other implementation can read, too. Each file is one
 * scenario: `expect` is `ok` or the code of the error.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { isError } from '../../src/core/errors.ts'
import { parseManifest, serializeManifest } from '../../src/core/manifest.ts'
import { checkNames, type Named } from '../../src/core/paths.ts'

interface Scenario {
  readonly description: string
  readonly expect: string
}
interface NamesScenario extends Scenario {
  readonly entries: readonly Named[]
  /** The path that the error is about, where that matters. */
  readonly subject?: string
}
interface ManifestScenario extends Scenario {
  readonly manifest: string
}

function scenarios<T extends Scenario>(kind: string): [file: string, description: string, scenario: T][] {
  const directory = new URL(`../vectors/${kind}/`, import.meta.url)
  return readdirSync(directory).map((file) => {
    const scenario: T = JSON.parse(readFileSync(new URL(file, directory), 'utf8'))
    return [file, scenario.description, scenario]
  })
}

/** `ok`, or code and subject of what was thrown. */
function outcome(work: () => unknown): { readonly code: string; readonly subject?: string | undefined } {
  try {
    work()
    return { code: 'ok' }
  } catch (error) {
    if (!isError(error)) throw error
    return { code: error.code, subject: error.subject }
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

describe('names', () => {
  test.each(scenarios<NamesScenario>('names'))('%s: %s', (_file, _description, { entries, ...scenario }) => {
    const { code, subject } = outcome(() => checkNames(entries))
    expect(code).toBe(scenario.expect)
    if (scenario.subject !== undefined) expect(subject).toBe(scenario.subject)
  })
})

describe('manifests', () => {
  test.each(scenarios<ManifestScenario>('manifests'))(
    '%s: %s',
    (file, _description, { manifest, ...scenario }) => {
      expect(outcome(() => parseManifest(manifest, sha256)).code).toBe(scenario.expect)
      // What is accepted and holds nothing unknown is written back to the same bytes.
      if (scenario.expect === 'ok' && file !== 'unknown-field.json') {
        expect(serializeManifest(parseManifest(manifest, sha256))).toBe(manifest)
      }
    },
  )
})
