/** A machine with one release, a person and the surfaces of their agents: everything as it should be, until a test breaks it. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { doctorLines } from '../../cli/commands/doctor.ts'
import { formatInstant } from '../../src/core/parse.ts'
import { withLock } from '../../src/disk/lock.ts'
import type { HookState } from '../../src/doctor/hook.ts'
import { type DoctorReport, doctor } from '../../src/flows/doctor.ts'
import type { MachineContext } from '../../src/flows/machine.ts'
import { addSurface, type SurfaceOptions } from '../../src/flows/surface.ts'
import { switchCurrent } from '../../src/home/activation.ts'
import { writeConfig } from '../../src/home/config.ts'
import type { Layout } from '../../src/home/layout.ts'
import { withIdentity } from '../../src/home/machine-identity.ts'
import { type Installed, readInstalled } from '../../src/home/releases.ts'
import { type MachineState, updateState } from '../../src/home/state.ts'
import type { Host } from '../../src/surfaces/host.ts'
import { createTestHome } from '../home/home-fixture.ts'

export const NOW = Date.UTC(2026, 10, 21, 12)
export const HERE = 'the id of this machine'
const MINUTE = 60_000

export function head(name: string, description = `What ${name} does, and when.`): string {
  return `---\nname: ${name}\ndescription: ${description}\n---\n# ${name}\n`
}

export const SKILLS = {
  'skills/plan/SKILL.md': head('plan'),
  'skills/quarterback/SKILL.md': head('quarterback'),
  'skills/quarterback/scripts/run.sh': { run: '#!/bin/sh\n' },
  'skills/review/SKILL.md': head('review'),
}

type Files = Parameters<Awaited<ReturnType<typeof createTestHome>>['install']>[0]

export interface Scene {
  readonly layout: Layout
  readonly release: Installed
  readonly context: MachineContext
  readonly user: string
  readonly host: Host
  /** Below the person's directory. */
  at(...path: string[]): string
  /** Below what is `/` to agents. */
  system(path: string, content: string): Promise<void>
  /** Writes a file of the person's own. */
  write(path: string, content: string): Promise<void>
  install(files: Files, commit: string): Promise<Installed>
  /** Makes another release the one that runs, as a pull that follows no surface. */
  activate(directory: string): Promise<void>
  know(state: Partial<MachineState>): Promise<void>
  surface(preset: string, options?: SurfaceOptions): Promise<void>
  look(options?: {
    fix?: boolean
    machineId?: string
    variables?: Record<string, string>
  }): Promise<DoctorReport>
  /** What is in the settings of the agents. */
  hook: HookState
}

export async function createScene(files: Files = SKILLS, presets = ['claude-code']): Promise<Scene> {
  const home = await createTestHome()
  onTestFinished(() => home.remove())
  const { layout } = home
  const away = await realpath(await mkdtemp(join(tmpdir(), 'person-')))
  onTestFinished(() => rm(away, { recursive: true, force: true }))
  const user = join(away, 'home of Ünal')
  await mkdir(user)
  let now = NOW
  const context: MachineContext = {
    layout,
    openStore: async () => {
      throw new Error('nothing here asks a store')
    },
    now: () => now,
    clock: () => 0,
    emit: () => {},
    by: 'test',
  }
  const host: Host = {
    user: { directory: user, variables: {} },
    platform: 'linux',
    root: join(away, 'system'),
  }
  const config = {
    store: 'file:///nowhere',
    root: { sha256: '0'.repeat(64), version: 1 },
    channel: 'stable',
    machine: 'machine-1',
    raw: {},
  }
  await writeConfig(layout, withIdentity(config, HERE))
  const release = await home.install(files)
  const scene: Scene = {
    layout,
    release,
    context,
    user,
    host,
    at: (...path) => join(user, ...path),
    system: (path, content) => put(join(host.root, path), content),
    write: (path, content) => put(join(user, path), content),
    install: (more, commit) => home.install(more, { commit }),
    activate: async (directory) => {
      now += MINUTE
      await withLock(layout.lock, () => switchCurrent(layout, directory, 'update', 'test', now))
      const { version, manifest } = readInstalled(layout, directory) ?? release
      await scene.know({ head: { version, manifest } })
    },
    know: (state) => withLock(layout.lock, () => updateState(layout, state)),
    surface: async (preset, options = {}) => {
      await addSurface(context, preset, options, host.user)
    },
    hook: { is: 'none', path: join(user, '.claude/settings.json') },
    look: ({ fix = false, machineId = HERE, variables = {} } = {}) =>
      doctor(context, {
        fix,
        machineId,
        host: { ...host, user: { ...host.user, variables } },
        hooks: {
          find: async () => scene.hook,
          install: async () => {
            scene.hook = { ...scene.hook, is: 'installed' }
          },
        },
      }),
  }
  await scene.activate(release.directory)
  await scene.know({
    checkedAt: formatInstant(NOW - MINUTE),
    signedAt: formatInstant(NOW - 60 * MINUTE),
    expiresAt: formatInstant(NOW + 20 * 24 * 60 * MINUTE),
  })
  for (const preset of presets) await scene.surface(preset)
  return scene
}

/** What a person reads. */
export function linesOf(report: DoctorReport): string[] {
  return doctorLines(report, false)
}

async function put(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
}
