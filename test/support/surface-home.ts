/** A home with surfaces and releases, without a repository: a release is there as soon as a test says so. */
import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { findProcess, identityOf, type ProcessIdentity } from '../../src/disk/process-identity.ts'
import { followCurrent, type Settled } from '../../src/flows/follow-surfaces.ts'
import type { MachineContext } from '../../src/flows/machine.ts'
import { addSurface, type SurfaceOptions } from '../../src/flows/surface.ts'
import { switchCurrent } from '../../src/home/activation.ts'
import { writeConfig } from '../../src/home/config.ts'
import type { Layout } from '../../src/home/layout.ts'
import { createTestHome } from '../home/home-fixture.ts'
import { Clock } from './team.ts'

export interface SurfaceHome {
  readonly layout: Layout
  readonly clock: Clock
  readonly context: MachineContext
  /** A directory of the person, with the root of a surface in it. */
  readonly user: string
  /** Adds `claude-code`. @returns its root */
  add(options?: SurfaceOptions): Promise<string>
  /** As a pull does it: installs these files, makes them current and lets the surfaces follow. */
  update(files: Readonly<Record<string, string>>): Promise<{ directory: string; settled: readonly Settled[] }>
}

export async function createSurfaceHome(clock = new Clock(Date.now())): Promise<SurfaceHome> {
  const home = await createTestHome()
  onTestFinished(() => home.remove())
  const { layout } = home
  const user = `${layout.root} user`
  await mkdir(user)
  onTestFinished(async () => (await import('../../src/disk/remove-tree.ts')).removeTree(user))
  const context: MachineContext = {
    layout,
    openStore: () => Promise.reject(new Error('nothing here asks the network')),
    now: clock.now,
    clock: clock.now,
    emit: () => {},
    by: 'test',
  }
  const root = { sha256: '0'.repeat(64) }
  await writeConfig(layout, { store: 'file:///nowhere', root, channel: 'stable', machine: 'm', raw: {} })
  let releases = 0
  return {
    layout,
    clock,
    context,
    user,
    async add(options = {}) {
      const { surface } = await addSurface(context, 'claude-code', options, {
        directory: user,
        variables: {},
      })
      return surface.root ?? ''
    },
    async update(files) {
      releases += 1
      const commit = releases.toString(16).padStart(7, '0').padEnd(40, '0')
      const { directory } = await home.install(files, { commit })
      await switchCurrent(layout, directory, 'update', 'test', clock.now())
      const { settled } = await followCurrent(context)
      return { directory, settled }
    },
  }
}

/** A process that lives until the test ends, or kills it. */
export function agentProcess(): { readonly identity: ProcessIdentity; kill(): Promise<void> } {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()))
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  onTestFinished(kill)
  const found = findProcess(child.pid ?? 0)
  if (found === undefined) throw new Error('sleep did not start')
  return { identity: identityOf(found), kill }
}

export function pathIn(root: string, skill: string): string {
  return join(root, 'skills', skill, 'SKILL.md')
}
