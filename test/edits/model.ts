/**
 * Releases and a person at once, against a model that knows nothing but the bytes that a person wrote and the releases:
 * after every step each of those bytes is somewhere, and whatever nobody touched is as released.
 */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp, realpath } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Overlay } from '../../src/core/edits.ts'
import { isError } from '../../src/core/errors.ts'
import { isInUnit, unitsIn } from '../../src/core/unit.ts'
import { withLock } from '../../src/disk/lock.ts'
import { removeTree } from '../../src/disk/remove-tree.ts'
import { readEdits } from '../../src/edits/record.ts'
import { beginEdit, saveEdits } from '../../src/flows/edit-skill.ts'
import { blessEdit, dropEdit, resolveEdit } from '../../src/flows/edits.ts'
import { followCurrent } from '../../src/flows/follow-surfaces.ts'
import { type MachineContext, openMachine } from '../../src/flows/machine.ts'
import { restoreEdited } from '../../src/flows/restore-edited.ts'
import { rollback } from '../../src/flows/rollback.ts'
import { prepareStandby } from '../../src/flows/standby.ts'
import { addSurface } from '../../src/flows/surface.ts'
import { writeConfig } from '../../src/home/config.ts'
import { findDrift } from '../../src/home/drift.ts'
import { currentRelease, type Installed } from '../../src/home/releases.ts'
import { Dice } from '../faults/dice.ts'
import { FaultyDisk } from '../faults/faulty-disk.ts'
import { createTestHome, type TestHome } from '../home/home-fixture.ts'

type Files = Record<string, string>

const SURFACES = { link: 'link', copy: 'copy' } as const
const NAMES = ['ant', 'bee', 'cat', 'dog'] as const
/** Longer than any release stays for its age alone. Milliseconds. */
const WEEK = 7 * 24 * 60 * 60 * 1000

/** Runs one sequence. @throws what went wrong, with the script of it */
export async function runSequence(seed: number, steps: number): Promise<void> {
  const home = await createTestHome()
  const place = await realpath(await mkdtemp(join(tmpdir(), 'person-')))
  const script: string[] = []
  try {
    const sequence = new Sequence(home, place, new Dice(seed), script)
    await sequence.begin()
    for (let step = 0; step < steps; step++) await sequence.step()
  } catch (error) {
    const lines = script.map((line, index) => `${index + 1}. ${line}`).join('\n')
    throw new Error(
      `seed ${seed}, ${steps} steps: ${error instanceof Error ? error.message : error}\n${lines}\nagain: SKILLSCTL_SEED=${seed} SKILLSCTL_RUNS=1 npm run test:model`,
      { cause: error },
    )
  } finally {
    await home.remove()
    await removeTree(place)
  }
}

class Sequence {
  private readonly home: TestHome
  private readonly place: string
  private readonly dice: Dice
  private readonly script: string[]
  private readonly context: MachineContext
  private readonly releases: { readonly files: Files; readonly installed: Installed }[] = []
  private upstream: Files = {}
  private current = 0
  private words = 0
  private now = Date.now()
  /** What the person wrote and has not written over: digest → where and what. */
  private readonly written = new Map<string, string>()

  constructor(home: TestHome, place: string, dice: Dice, script: string[]) {
    this.home = home
    this.place = place
    this.dice = dice
    this.script = script
    this.context = {
      layout: home.layout,
      openStore: () => Promise.reject(new Error('nothing here asks the network')),
      now: () => this.now,
      clock: () => this.now,
      emit: () => {},
      by: 'model',
    }
  }

  async begin(): Promise<void> {
    const root = { sha256: '0'.repeat(64) }
    await writeConfig(this.home.layout, {
      store: 'file:///nowhere',
      root,
      channel: 'stable',
      machine: 'm',
      raw: {},
    })
    for (const name of NAMES.slice(0, 3)) {
      this.upstream[`skills/${name}/SKILL.md`] = lines(name, 12)
      this.upstream[`skills/${name}/scripts/run.sh`] = lines(`${name} script`, 5)
    }
    this.upstream['commands/plan.md'] = lines('plan', 8)
    await this.release()
    const user = { directory: this.place, variables: {} }
    for (const by of ['link', 'copy'] as const)
      await addSurface(
        this.context,
        'custom',
        { name: by, root: this.rootOf(by), by, folders: ['skills', 'commands'] },
        user,
      )
    await this.check()
  }

  async step(): Promise<void> {
    this.now += this.dice.pick([1000, 60_000, WEEK])
    await this.act()
    await this.settle()
    await this.check()
  }

  private async act(): Promise<void> {
    const actions: readonly (() => Promise<void> | void)[] = [
      () => this.writeSomething(),
      () => this.writeSomething(),
      () => this.writeSomething(),
      () => this.moveUpstream(),
      () => this.moveUpstream(),
      () => this.moveUpstream(),
      () => this.goBack(),
      () => this.decide(),
      () => this.editOnPurpose(),
      () => this.restore(),
      () => this.crash(),
    ]
    await this.dice.pick(actions)()
  }

  /** As somebody does it who works in what an agent sees. */
  private writeSomething(): void {
    const by = this.dice.pick(['link', 'copy'] as const)
    const root = this.rootOf(by)
    const files = filesIn(root).filter((path) => !/(?:^|\/)\./.test(path))
    if (files.length === 0) return
    const path = this.dice.pick(files)
    const at = join(root, path)
    const how = this.dice.pick([
      'line',
      'line',
      'line',
      'whole',
      'new file',
      'delete',
      'mode',
      'binary',
      'scratch',
    ])
    this.script.push(`${how} ${by} ${path}`)
    const before = readFileSync(at, 'utf8')
    const skill = dirname(at)
    if (how === 'line') {
      const all = before.split('\n')
      all[this.dice.below(Math.max(1, all.length - 1))] = this.word()
      this.write(at, all.join('\n'))
    } else if (how === 'whole') this.write(at, `${this.word()}\n`)
    else if (how === 'binary') this.write(at, `\0${this.word()}`)
    else if (how === 'new file' && path.startsWith('skills/'))
      this.write(join(skill, `note-${this.dice.below(3)}.txt`), `${this.word()}\n`)
    else if (how === 'delete') {
      this.forget(at)
      rmSync(at)
    } else if (how === 'mode') chmodSync(at, (lstatSync(at).mode ^ 0o100) | 0o200)
    else if (how === 'scratch' && path.startsWith('skills/')) writeFileSync(join(skill, '.DS_Store'), 'x')
  }

  private word(): string {
    this.words += 1
    return `the person's words ${this.words}`
  }

  private write(path: string, content: string): void {
    if (existsSync(path)) this.forget(path)
    rmSync(path, { force: true })
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    this.written.set(digestOf(content), `${path}: ${content.slice(0, 40)}`)
  }

  /** What a person writes over or removes, knowing it, is not lost. */
  private forget(path: string): void {
    this.written.delete(digestOf(readFileSync(path)))
  }

  private async moveUpstream(): Promise<void> {
    const skills = [
      ...new Set(
        Object.keys(this.upstream)
          .filter((path) => path.startsWith('skills/'))
          .map((path) => path.split('/')[1] ?? ''),
      ),
    ]
    const paths = Object.keys(this.upstream)
    const how = this.dice.pick([
      'edit',
      'edit',
      'edit',
      'same',
      'add file',
      'remove file',
      'add',
      'remove',
      'rename',
      'revert',
      'take',
    ])
    if (how === 'edit') {
      const path = this.dice.pick(paths)
      const all = (this.upstream[path] ?? '').split('\n')
      all[this.dice.below(Math.max(1, all.length - 1))] = `upstream ${this.releases.length}`
      this.upstream = { ...this.upstream, [path]: all.join('\n') }
    } else if (how === 'add file')
      this.upstream = {
        ...this.upstream,
        [`skills/${this.dice.pick(skills)}/more-${this.dice.below(3)}.md`]: lines(
          `more ${this.releases.length}`,
          3,
        ),
      }
    else if (how === 'remove file' && paths.length > 2) delete this.upstream[this.dice.pick(paths)]
    else if (how === 'add')
      this.upstream = {
        ...this.upstream,
        [`skills/${this.dice.pick(NAMES)}/SKILL.md`]: lines(`anew ${this.releases.length}`, 9),
      }
    else if (how === 'remove' && skills.length > 1)
      this.upstream = without(this.upstream, this.dice.pick(skills))
    else if (how === 'rename')
      this.upstream = renamed(this.upstream, this.dice.pick(skills), `new-${this.releases.length}`)
    else if (how === 'revert') this.upstream = { ...this.dice.pick(this.releases).files }
    else if (how === 'take') await this.takeUpstream()
    if (Object.keys(this.upstream).length === 0) this.upstream = { ...this.releases[0]?.files }
    this.script.push(`upstream: ${how}`)
    await this.release()
  }

  /** The person's edit came home. */
  private async takeUpstream(): Promise<void> {
    const { overlays } = await readEdits(this.home.layout)
    const overlay = overlays.length === 0 ? undefined : this.dice.pick(overlays)
    if (overlay === undefined) return
    const root = join(this.home.layout.overlays, overlay.content, 'mine')
    const files = filesIn(root).map((path) => [path, readFileSync(join(root, path), 'utf8')] as const)
    if (files.some(([, content]) => content.includes('\0'))) return
    this.upstream = {
      ...without(this.upstream, overlay.unit.split('/')[1] ?? ''),
      ...Object.fromEntries(files),
    }
  }

  private async release(): Promise<void> {
    const number = this.releases.length + 1
    const commit = number.toString(16).padStart(7, '0').padEnd(40, '0')
    const installed = await this.home.install({ ...this.upstream, VERSION: `${number}` }, { commit })
    this.releases.push({ files: { ...this.upstream }, installed })
    await this.run(number - 1)
  }

  private async run(index: number): Promise<void> {
    const installed = this.releases[index]?.installed
    if (installed === undefined) return
    await rollback(this.context, installed.version).then(
      () => {
        this.current = index
      },
      (error: unknown) => {
        // Tidied away, or edited where nobody can tell what it was.
        if (!isError(error, 'absent') && !isError(error, 'drift') && !isNetwork(error)) throw error
        this.script.push(`release ${index + 1} is not to be had`)
      },
    )
  }

  private async goBack(): Promise<void> {
    const index = this.dice.below(this.releases.length)
    this.script.push(`rollback to release ${index + 1}`)
    await this.run(index)
  }

  private async decide(): Promise<void> {
    const { overlays } = await readEdits(this.home.layout)
    if (overlays.length === 0) return
    const overlay: Overlay = this.dice.pick(overlays)
    const chosen = { skill: overlay.unit, surface: overlay.surface }
    const how = this.dice.pick(['drop', 'keep', 'take', 'bless'])
    this.script.push(`${how} ${overlay.unit}`)
    const work = {
      drop: () => dropEdit(this.context, chosen),
      keep: () => resolveEdit(this.context, chosen, { by: 'keep' }),
      take: () => resolveEdit(this.context, chosen, { by: 'take' }),
      bless: () => blessEdit(this.context, chosen, 'on purpose'),
    }
    await work[how as keyof typeof work]().catch((error: unknown) => {
      // What was taken over just now may have ended it.
      if (!isError(error, 'absent') && !isNetwork(error)) throw error
    })
  }

  private async editOnPurpose(): Promise<void> {
    const skills = filesIn(this.rootOf('link')).filter((path) => path.endsWith('/SKILL.md'))
    if (skills.length === 0) return
    const skill = dirname(this.dice.pick(skills))
    this.script.push(`edit ${skill} and save`)
    try {
      const { path } = await beginEdit(this.context, { skill })
      const files = filesIn(path)
      if (files.length > 0) this.write(join(path, this.dice.pick(files)), `${this.word()}\n`)
      await saveEdits(this.context)
    } catch (error) {
      if (!isError(error, 'absent') && !isError(error, 'drift')) throw error
    }
  }

  private async restore(): Promise<void> {
    this.script.push('restore the release')
    await restoreEdited(await openMachine(this.context))
  }

  /** Whatever is asked of the disk fails from some moment on, as for a process that is no more. */
  private async crash(): Promise<void> {
    const after = this.dice.below(250)
    this.script.push(`crash after ${after}`)
    this.writeSomething()
    const disk = new FaultyDisk([this.home.layout.root, this.place], {
      kind: 'input/output error',
      after,
      length: Number.POSITIVE_INFINITY,
    })
    const number = this.releases.length
    await disk
      .during(async () => {
        if (this.dice.chance(0.5)) return this.goBack()
        return this.settle()
      })
      .catch((error: unknown) => {
        if (!isError(error)) throw error
      })
    this.current = this.runningIndex(number)
    rmSync(this.home.layout.lock, { force: true })
  }

  private runningIndex(fallback: number): number {
    const target = readFileSync(join(this.home.layout.current, 'VERSION'), 'utf8')
    return (Number(target) || fallback) - 1
  }

  /** As every run of skillsctl does it. */
  private async settle(): Promise<void> {
    const { layout } = this.home
    await withLock(layout.lock, () => followCurrent(this.context))
    await restoreEdited(await openMachine(this.context))
    if (this.dice.chance(0.8)) await prepareStandby(this.context)
  }

  private async check(): Promise<void> {
    this.current = this.runningIndex(this.releases.length)
    const edits = await readEdits(this.home.layout)
    if (process.env['DEBUG'] !== undefined)
      this.script.push(
        `   ${JSON.stringify([...edits.taken].map(([t, u]) => [t, [...u]]))} ${JSON.stringify(edits.overlays.map((o) => [o.unit, o.surface, o.content, o.waits?.because]))} current ${readlinkSync(this.home.layout.current)} link ${readlinkSync(join(this.home.layout.surfaces, 'link'))} copy ${readlinkSync(join(this.home.layout.surfaces, 'copy'))}`,
      )
    this.expectReachable()
    this.expectReleased(edits.overlays)
    const before = this.whatIsSeen()
    const record = existsSync(this.home.layout.edits) ? readFileSync(this.home.layout.edits, 'utf8') : ''
    await this.settle()
    const after = existsSync(this.home.layout.edits) ? readFileSync(this.home.layout.edits, 'utf8') : ''
    if (this.whatIsSeen() !== before) throw new Error('a second run shows something else')
    if (record !== after) throw new Error(`a second run notes something else:\n${record}\n${after}`)
  }

  private expectReachable(): void {
    // What has come home stays in the source, whatever this machine removes.
    const there = new Set(this.releases.flatMap(({ files }) => Object.values(files).map(digestOf)))
    for (const root of [this.place, this.home.layout.root]) {
      for (const path of filesIn(root)) there.add(digestOf(readFileSync(join(root, path))))
    }
    for (const [digest, what] of this.written) if (!there.has(digest)) throw new Error(`lost: ${what}`)
  }

  /** On every surface, all that has no overlay; `current` in any case. */
  private expectReleased(overlays: readonly Overlay[]): void {
    const files = this.releases[this.current]?.files ?? {}
    // Without the network, a release that was edited may stay so: its original bytes are nowhere here.
    const units = [...overlays.map(({ unit }) => unit), ...this.unrestored()]
    for (const by of Object.values(SURFACES)) {
      const seen = Object.fromEntries(
        filesIn(this.rootOf(by))
          .filter((path) => !path.endsWith('.DS_Store'))
          .map((path) => [path, readFileSync(join(this.rootOf(by), path), 'utf8')]),
      )
      const isOverlaid = (path: string): boolean => units.some((unit) => isInUnit(path, unit))
      const isWhole = (path: string): boolean => path.startsWith('commands/') || path.startsWith('skills/')
      const wanted = Object.fromEntries(
        Object.entries(files).filter(([path]) => isWhole(path) && !isOverlaid(path)),
      )
      const shown = Object.fromEntries(
        Object.entries(seen).filter(([path]) => isWhole(path) && !isOverlaid(path)),
      )
      expectSame(shown, wanted, by)
    }
  }

  private unrestored(): string[] {
    const installed = currentRelease(this.home.layout)
    const drift = installed === undefined ? [] : findDrift(this.home.layout, installed)
    const unitOf = unitsIn(installed?.content.files ?? [])
    return drift.map(({ path }) => unitOf(path))
  }

  private whatIsSeen(): string {
    return Object.values(SURFACES)
      .flatMap((by) =>
        filesIn(this.rootOf(by)).map(
          (path) => `${by} ${path} ${digestOf(readFileSync(join(this.rootOf(by), path)))}`,
        ),
      )
      .join('\n')
  }

  private rootOf(by: 'link' | 'copy'): string {
    return join(this.place, by)
  }
}

function expectSame(found: Files, wanted: Files, where: string): void {
  for (const path of new Set([...Object.keys(found), ...Object.keys(wanted)])) {
    if (found[path] === wanted[path]) continue
    throw new Error(
      `${where}: ${path} is ${JSON.stringify(found[path]?.slice(0, 80))} instead of ${JSON.stringify(wanted[path]?.slice(0, 80))}`,
    )
  }
}

/** Paths of files below a directory, links followed; not those with a dot at the top, where we work. */
function filesIn(root: string, prefix = ''): string[] {
  const path = join(root, prefix)
  if (!existsSync(path)) return []
  return readdirSync(path)
    .sort()
    .flatMap((name) => {
      const below = prefix === '' ? name : `${prefix}/${name}`
      const at = join(root, below)
      if (!existsSync(at)) return []
      return isDirectory(at)
        ? lstatSync(at).isSymbolicLink() && prefix === '' && name === 'current'
          ? []
          : filesIn(root, below)
        : [below]
    })
}

function isDirectory(path: string): boolean {
  try {
    readdirSync(path)
    return true
  } catch {
    return false
  }
}

function lines(what: string, count: number): string {
  return Array.from({ length: count }, (_, index) => `${what}, line ${index}\n`).join('')
}

function without(files: Files, skill: string): Files {
  return Object.fromEntries(Object.entries(files).filter(([path]) => !path.startsWith(`skills/${skill}/`)))
}

function renamed(files: Files, from: string, to: string): Files {
  return Object.fromEntries(
    Object.entries(files).map(([path, text]) => [
      path.startsWith(`skills/${from}/`) ? path.replace(`skills/${from}/`, `skills/${to}/`) : path,
      text,
    ]),
  )
}

function digestOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}

/** A release that would have to be fetched. */
function isNetwork(error: unknown): boolean {
  return error instanceof Error && error.message === 'nothing here asks the network'
}
