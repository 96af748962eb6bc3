/** A home with releases, and roots of agents beside it, in which a person has things of their own. */
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { mkdir, mkdtemp, realpath } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { SkillsctlError } from '../../src/core/errors.ts'
import type { Surface } from '../../src/core/surface.ts'
import { removeTree } from '../../src/disk/remove-tree.ts'
import { releaseTree } from '../../src/edits/tree.ts'
import type { MachineContext } from '../../src/flows/machine.ts'
import { switchCurrent } from '../../src/home/activation.ts'
import { writeConfig } from '../../src/home/config.ts'
import type { Layout } from '../../src/home/layout.ts'
import type { Installed } from '../../src/home/releases.ts'
import { type Shown, showTree } from '../../src/surfaces/show.ts'
import { createSurfaceDirectories } from '../../src/surfaces/surface-directories.ts'
import { createTestHome, type TestHome } from '../home/home-fixture.ts'

export const HOUR = 60 * 60 * 1000
export const DAY = 24 * HOUR
const START = Date.UTC(2026, 10, 21)

export type Files = Parameters<TestHome['install']>[0]
export type Rooted = Surface & { readonly root: string }

export interface Desk {
  readonly home: TestHome
  readonly layout: Layout
  /** Root of an agent, with nothing in it. */
  readonly root: string
  /** What time it is; moved by tests. */
  clock: { now: number }
  readonly context: MachineContext
  readonly warnings: string[]
  /** Installs a release; the number makes its commit. */
  install(number: number, files: Files): Promise<Installed>
  /** Makes it `current`, without telling any surface. */
  run(release: Installed): Promise<void>
  show(surface: Rooted, release: Installed | undefined): Promise<Shown>
}

/** @param above where the roots lie, and the home unless `homeAbove` is given; new directories that go with the test */
export async function createDesk({ name = 'a root', above = tmpdir() } = {}): Promise<Desk> {
  const home = await createTestHome()
  onTestFinished(() => home.remove())
  const place = await realpath(await mkdtemp(join(above, 'surface-')))
  onTestFinished(() => removeTree(place))
  const root = join(place, name)
  await mkdir(root)
  const { layout } = home
  await createSurfaceDirectories(layout)
  await writeConfig(layout, {
    store: 'file:///nowhere',
    root: { sha256: '0'.repeat(64) },
    channel: 'stable',
    machine: 'test',
    raw: {},
  })
  const clock = { now: START }
  const warnings: string[] = []
  return {
    home,
    layout,
    root,
    clock,
    warnings,
    context: {
      layout,
      openStore: () => Promise.reject(new SkillsctlError('unreachable', 'the network is not there')),
      now: () => clock.now,
      clock: () => clock.now,
      emit: (event) => {
        if (event.status === 'warning') warnings.push(`${event.message}`)
      },
      by: 'test',
    },
    install: (number, files) => home.install(files, { commit: commitOf(number) }),
    run: (release) => switchCurrent(layout, release.directory, 'update', 'test', clock.now),
    show: (surface, release) => showTree(layout, surface, release && releaseTree(layout, release), clock.now),
  }
}

export function commitOf(number: number): string {
  return number.toString(16).padStart(7, '0').padEnd(40, '0')
}

export function surfaceAt(root: string, chosen: Partial<Surface> = {}): Rooted {
  return {
    name: 'claude-code',
    preset: 'claude-code',
    folders: ['skills', 'commands'],
    by: 'link',
    switch: 'now',
    maxWait: 60,
    only: [],
    except: [],
    ...chosen,
    root,
  }
}

/** A skill, as a release holds it. */
export function skill(name: string, text: string): Files {
  return {
    [`skills/${name}/SKILL.md`]: `${name}: ${text}\n`,
    [`skills/${name}/scripts/run.sh`]: { run: `#!/bin/sh\necho ${text}\n` },
  }
}

/** Path → content of what a reader finds below a directory, links followed; a link that leads nowhere is `dangling`. */
export function seen(directory: string, prefix = ''): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of readdirSync(join(directory, prefix)).sort()) {
    const path = prefix === '' ? name : `${prefix}/${name}`
    if (path === '.skillsctl') continue
    const info = statSync(join(directory, path), { throwIfNoEntry: false })
    if (info === undefined) found[path] = 'dangling'
    else if (info.isDirectory()) Object.assign(found, seen(directory, path))
    else found[path] = readFileSync(join(directory, path), 'utf8')
  }
  return found
}

/** Path → everything about it that a person could notice, except when somebody looked. */
export function inventory(directory: string): Record<string, string> {
  const found: Record<string, string> = {}
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  for (const path of ['.', ...paths].sort()) {
    const info = lstatSync(join(directory, path), { bigint: true })
    const { ino, mode, mtimeNs, ctimeNs, size } = info
    const content = info.isFile()
      ? readFileSync(join(directory, path), 'base64')
      : info.isSymbolicLink()
        ? readlinkSync(join(directory, path))
        : ''
    found[path] = [ino, mode, mtimeNs, ctimeNs, size, content].join(' ')
  }
  return found
}
