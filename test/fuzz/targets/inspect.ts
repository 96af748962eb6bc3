/** `skillsctl inspect` is pointed at files nobody has verified. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { inspect } from '../../../src/flows/inspect.ts'
import { layoutOf } from '../../../src/home/layout.ts'
import type { Target } from '../target.ts'
import { archiveTarget } from './archive.ts'
import { keysTarget } from './keys.ts'
import { manifestTarget } from './manifest.ts'
import { metadataTarget } from './metadata.ts'
import { tokenTarget } from './token.ts'

export async function inspectTarget(): Promise<Target> {
  const others = [manifestTarget(), keysTarget(), tokenTarget(), archiveTarget(), await metadataTarget()]
  const directory = await mkdtemp(join(tmpdir(), 'skillsctl-fuzz-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  const path = join(directory, 'document')
  return {
    name: 'inspect',
    codes: ['corrupt', 'refused', 'unsupported', 'usage'],
    seeds: others.flatMap(({ seeds }) => seeds.map((input) => ({ ...input, kind: 'file' }))),
    async run({ bytes }) {
      await writeFile(path, bytes)
      JSON.stringify(await inspect(path, layoutOf(join(directory, 'home'))))
    },
  }
}
