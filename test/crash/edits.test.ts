/** Edits through a link and in a copy, and an update that is killed while it takes them over. */
import { appendFile, chmod, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { pull } from '../../src/flows/pull.ts'
import { rollback } from '../../src/flows/rollback.ts'
import { addSurface } from '../../src/flows/surface.ts'
import type { Installed } from '../../src/home/releases.ts'
import { type Job, recordOperations } from '../support/victim.ts'
import { createDesk, type Desk, type Files, seen } from '../surfaces/fixture.ts'
import { EVERYTHING, killAtEach, killPoints } from './kill.ts'

const LINES = Array.from({ length: 9 }, (_, line) => `line ${line}\n`).join('')
const WORDS = 'my words\n'
const files = (text: string): Files => ({
  'skills/linked/SKILL.md': `${text}\n${LINES}`,
  'skills/copied/SKILL.md': `${text}\n${LINES}`,
  'skills/other/SKILL.md': `${text}\n`,
})
const PATHS = { link: 'skills/linked/SKILL.md', copy: 'skills/copied/SKILL.md' } as const

interface Stage extends Desk {
  readonly next: Installed
  readonly roots: Readonly<Record<keyof typeof PATHS, string>>
}

async function setStage(): Promise<Stage> {
  const desk = await createDesk({ name: 'a root' })
  const [next, old] = [await desk.install(2, files('new')), await desk.install(1, files('old'))]
  // Where the bytes are that the old release was installed with, once it is edited.
  await desk.install(3, { ...files('old'), VERSION: 'another' })
  await desk.run(next)
  await desk.run(old)
  const roots = { link: join(desk.root, 'linked'), copy: join(desk.root, 'copied') }
  for (const by of ['link', 'copy'] as const) {
    const options = { name: by, root: roots[by], by, folders: ['skills'] } as const
    await addSurface(desk.context, 'custom', options, { directory: desk.root, variables: {} })
    await chmod(join(roots[by], PATHS[by]), 0o644)
    await appendFile(join(roots[by], PATHS[by]), WORDS)
  }
  return { ...desk, next, roots }
}

/** Whatever a person reads, or can be brought back. */
function everything({ layout, root }: Stage): string[] {
  return [root, layout.overlays, layout.views, layout.releases, layout.kept].flatMap((place) =>
    Object.values(seen(place)),
  )
}

describe('edits that are taken over', () => {
  test('are somewhere whenever that is killed, and merged by whatever runs next', async () => {
    let stage = await setStage()
    const job: Job = {
      flow: 'rollback',
      get home() {
        return stage.layout.root
      },
      get now() {
        return stage.clock.now
      },
      get version() {
        return stage.next.version
      },
    }
    const operations = await recordOperations(job)
    const merged = `new\n${LINES}${WORDS}`
    expect(seen(stage.roots.link)).toMatchObject({ [PATHS.link]: merged, [PATHS.copy]: merged })
    await killAtEach({
      job,
      points: killPoints(operations, () => true, EVERYTHING ? operations.length : 3),
      restore: async () => {
        stage = await setStage()
      },
      verify: async () => {
        const { layout, roots, context, next } = stage
        const found = everything(stage)
        expect(found.filter((text) => text.endsWith(WORDS)).length).toBeGreaterThanOrEqual(2)
        // As if it came some minutes later: nobody waits for the writer of a torn lock.
        const then = new Date(Date.now() - 10 * 60 * 1000)
        await utimes(layout.lock, then, then).catch(() => {})
        // The network is not there: edits need none.
        expect((await pull(context)).outcome).toBe('failed')
        await rollback(context, next.version)
        for (const root of Object.values(roots))
          expect(seen(root)).toEqual({
            [PATHS.link]: merged,
            [PATHS.copy]: merged,
            'skills/other/SKILL.md': 'new\n',
          })
        expect(everything(stage)).toContain(`old\n${LINES}${WORDS}`)
      },
    })
  })
})
