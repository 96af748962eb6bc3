import { mkdirSync, readdirSync, statfsSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { listSurfaces } from '../../src/flows/list-surfaces.ts'
import { addSurface } from '../../src/flows/surface.ts'
import { EVERYTHING } from '../crash/kill.ts'
import { mountSmallDisk } from '../support/mounts.ts'
import { createDesk, type Files, seen, skill, surfaceAt } from './fixture.ts'

const WAYS = ['link', 'copy'] as const
const mounted = mountSmallDisk('size=512k,nr_inodes=120')

describe.skipIf(mounted === undefined)('with a full disk (skipped where a tmpfs cannot be mounted)', () => {
  const disk = mounted ?? ''
  const ballast = join(disk, 'ballast')

  /** Leaves so many inodes, and hardly any bytes. */
  function fill(inodes: number, bytes: number): void {
    mkdirSync(ballast)
    const { ffree, bavail, bsize } = statfsSync(disk)
    writeFileSync(join(ballast, 'bytes'), Buffer.alloc(Math.max(0, bavail * bsize - bytes)))
    for (let count = 0; count < ffree - inodes - 1; count++) mkdirSync(join(ballast, `${count}`))
  }
  const drain = (): Promise<void> => rm(ballast, { recursive: true, force: true })

  const big = (text: string): Files => ({
    ...skill('a', text),
    ...skill('b', text),
    'skills/b/data': text.repeat(30_000),
  })
  const expected = (text: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(big(text)).map(([path, content]) => [
        path,
        typeof content === 'string' ? content : 'run' in content ? content.run : '',
      ]),
    )

  test.each(WAYS)('a switch by %s fails wherever the room ends, and shows whole skills', async (by) => {
    const desk = await createDesk({ above: disk })
    const surface = surfaceAt(desk.root, { by, folders: ['skills'] })
    const [old, next] = [
      await desk.install(1, big('o')),
      await desk.install(2, { ...big('n'), ...skill('c', 'n') }),
    ]
    const states = [expected('o'), { ...expected('n'), ...expectedOf('c') }]
    const outcomes: string[] = []
    for (let room = 0; room <= 20; room += EVERYTHING ? 1 : 5) {
      await desk.show(surface, old)
      expect(seen(desk.root)).toEqual(expected('o'))
      fill(room, room * 8 * 1024)
      const outcome = await desk.show(surface, next).then(
        () => 'shown',
        ({ code }) => code,
      )
      outcomes.push(outcome)
      const now = seen(desk.root)
      for (const [path, text] of Object.entries(now))
        expect(states.map((state) => state[path])).toContain(text)
      // What could not be finished takes up no room.
      if (by === 'copy' && outcome !== 'shown') expect(now).toEqual(expected('o'))
      await drain()
      await desk.show(surface, next)
      expect(seen(desk.root)).toEqual(states[1])
      desk.clock.now += 11 * 60 * 1000
    }
    expect([...new Set(outcomes)]).toEqual(['no-space', 'shown'])
  })

  test.each(WAYS)('a surface by %s for which there is no room is not added', async (by) => {
    const desk = await createDesk({ above: disk })
    await desk.run(await desk.install(1, big('o')))
    mkdirSync(join(desk.root, 'skills'))
    fill(by === 'link' ? 1 : 5, 0)
    const options = { name: 'small', root: desk.root, by }
    const user = { directory: desk.root, variables: {} }
    await expect(addSurface(desk.context, 'custom', options, user)).rejects.toMatchObject({
      code: 'no-space',
    })
    expect(await listSurfaces(desk.context)).toEqual([])
    expect(seen(desk.root)).toEqual({})
    expect(readdirSync(desk.root)).toEqual(['skills'])
    await drain()
    await addSurface(desk.context, 'custom', options, user)
    expect(seen(desk.root)).toEqual(expected('o'))
  })

  function expectedOf(name: string): Record<string, string> {
    return {
      [`skills/${name}/SKILL.md`]: `${name}: n\n`,
      [`skills/${name}/scripts/run.sh`]: '#!/bin/sh\necho n\n',
    }
  }
})
