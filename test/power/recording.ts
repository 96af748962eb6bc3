/** A command of a machine, recorded on the disk that it met, and judged at every moment. */
import { expect } from 'vitest'
import { type Edit, whatRuns } from '../crash/invariant.ts'
import type { Scene } from '../crash/scene.ts'
import { CLI } from '../support/victim.ts'
import { Disk, snapshot } from './disk.ts'
import { faultsAtEnd, faultsOfHome, shapesIn } from './judge.ts'
import { replay, TRACED } from './replay.ts'
import { type Call, type Recorded, record } from './strace.ts'

export interface Recording {
  readonly calls: readonly Call[]
  /** What could go wrong if these had been the calls, in words. */
  judge(calls?: readonly Call[]): string[]
}

export interface Situation {
  readonly scene: Scene
  readonly home: string
  /** Local work in the home. */
  readonly edits: readonly Edit[]
  /** What is to run in the end. */
  readonly round: number
  /** How the scene is laid out. */
  readonly restore?: () => Promise<void>
}

/** Lays the scene out, records what `run` does, and sees that it did it. */
export async function recordOn(
  { scene, home, edits, round, restore = () => scene.restore() }: Situation,
  run: () => Promise<readonly Call[]>,
): Promise<Recording> {
  await restore()
  const met = await snapshot(scene.at('.'))
  const before = await shapesIn(home)
  const calls = await run()
  expect(await whatRuns(home, scene.releases, edits)).toBe(scene.release(round))
  const shapes = new Map([...before, ...(await shapesIn(home))])
  const edited = edits.map(({ version, path, content = '' }) => ({
    release: version,
    path,
    size: content.length,
  }))
  const judge = (given = calls): string[] => {
    const disk = new Disk(met)
    const faults = new Set<string>()
    for (const _ of replay(disk, given)) {
      for (const fault of faultsOfHome(disk, home, shapes, edited)) faults.add(fault)
    }
    for (const fault of faultsAtEnd(disk, home, scene.release(round).version)) faults.add(fault)
    return [...faults]
  }
  return { calls, judge }
}

/** @param path where the command finds programs: `sync` for one */
export async function recordCommand(
  args: readonly string[],
  { scene, home, path }: { scene: Scene; home: string; path: string },
): Promise<readonly Call[]> {
  const { exit, stderr, calls } = await recordNode([CLI, ...args], {
    SKILLSCTL_HOME: home,
    PATH: path,
    TMPDIR: scene.temporary,
  })
  expect(exit, stderr).toBe(0)
  return calls
}

export function recordNode(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd?: string,
): Promise<Recorded> {
  return record(TRACED, args, cwd === undefined ? { env } : { env, cwd })
}
