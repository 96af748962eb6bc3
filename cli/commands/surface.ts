/** The commands of surfaces: from arguments to a flow, from its report to lines. */
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { SkillsctlError } from '../../src/core/errors.ts'
import { formatAge } from '../../src/core/freshness.ts'
import { ADOPTIONS, type Adoption, FOLDERS, findPreset } from '../../src/core/surface.ts'
import { shownAs } from '../../src/edits/tree-name.ts'
import type { ExportStatus, SurfaceStatus } from '../../src/flows/list-surfaces.ts'
import type { Added, SurfaceOptions, SurfaceReport, SurfaceRequest } from '../../src/flows/surface.ts'
import type { HookReport } from '../../src/flows/surface-hook.ts'
import type { User } from '../../src/surfaces/root.ts'
import { type Cli, machineContext } from '../context.ts'
import { keptLines, settledLines } from '../describe.ts'
import { hookProgram } from '../hook-program.ts'
import type { Result } from '../output.ts'
import { choose, isInteractive } from '../prompt.ts'

type Args = readonly string[]

interface AddFlags {
  as?: string
  root?: string
  folder?: readonly string[]
  copy?: boolean
  link?: boolean
  switch?: 'now' | 'session'
  /** Milliseconds. */
  maxWait?: number
  only?: readonly string[]
  except?: readonly string[]
  adopt?: Adoption
}

export function currentUser(): User {
  return { directory: homedir(), variables: process.env }
}

export async function add(cli: Cli, [preset = '']: Args, flags: AddFlags): Promise<Result> {
  const [added] = await addAll(cli, [{ preset, options: optionsFrom(flags) }])
  if (added?.report === undefined) throw added?.problem
  return { data: added.report, text: addLines(added.report) }
}

/** Asks once, before anything is changed, about all that differs from the release. */
export async function addAll(cli: Cli, requests: readonly SurfaceRequest[]): Promise<Added[]> {
  const { addSurfaces, differingOn } = await import('../../src/flows/surface.ts')
  const context = machineContext(cli)
  const undecided = requests.filter(({ options }) => options.adopt === undefined)
  const differing = isInteractive() ? await differingOn(context, undecided, currentUser()) : []
  const adopt =
    differing.length === 0
      ? undefined
      : await choose(
          [
            'these are here already, and differ from the release:',
            ...differing.map(({ surface, place }) => `  ${surface}: ${place}`),
          ],
          'keep yours as edits, take the release, or skip them for now?',
          ADOPTIONS,
        )
  const isDiffering = (name: string): boolean => differing.some(({ surface }) => surface === name)
  const decided = requests.map(({ preset, options }) =>
    adopt !== undefined && isDiffering(options.name ?? preset)
      ? { preset, options: { ...options, adopt: options.adopt ?? adopt } }
      : { preset, options },
  )
  return addSurfaces(context, decided, currentUser())
}

function optionsFrom({ as, root, folder, copy, link, maxWait, ...flags }: AddFlags): SurfaceOptions {
  if (copy === true && link === true)
    throw new SkillsctlError('usage', 'a surface has links or copies, not both', { subject: '--copy --link' })
  return {
    name: as,
    root: root === undefined ? undefined : resolve(root),
    folders: folder && foldersFrom(folder),
    by: copy === true ? 'copy' : link === true ? 'link' : undefined,
    switch: flags.switch,
    maxWait: maxWait === undefined ? undefined : Math.round(maxWait / 1000),
    only: flags.only,
    except: flags.except,
    adopt: flags.adopt,
  }
}

function foldersFrom(names: readonly string[]): SurfaceOptions['folders'] {
  const unknown = names.find((name) => !FOLDERS.some((folder) => folder === name))
  if (unknown === undefined) return FOLDERS.filter((folder) => names.includes(folder))
  throw new SkillsctlError('usage', 'agents know no such folder', {
    subject: unknown,
    expected: FOLDERS.join(', '),
  })
}

export function addLines({ surface, isNew, settled, entries, leftOut }: SurfaceReport): string[] {
  const { name, root, by, preset } = surface
  if (root === undefined) {
    return [
      `${name}: no file reaches ${findPreset(preset)?.agents ?? preset}; make bundles to upload with: skillsctl export --all --zip`,
    ]
  }
  const way = by === 'copy' ? 'copies' : 'links'
  const first = `${isNew ? 'added' : 'changed'} ${name}: ${way} in ${root}`
  const notSaved = leftOut.map(
    ({ place, why }) => `  ! not in the snapshot, and never touched: ${place} (${why})`,
  )
  if (settled === undefined)
    return [first, ...notSaved, '  nothing is installed yet: skillsctl pull fills it']
  const fitsNothing = entries === 0 && settled.outcome === 'moved' && settled.shown?.shadowed.length === 0
  const hint = fitsNothing ? ['  ! nothing of this release fits: look at --folder, --only and --except'] : []
  return [first, ...notSaved, ...settledLines([settled]), ...hint]
}

export async function listAll(cli: Cli): Promise<Result> {
  const { listSurfaces } = await import('../../src/flows/list-surfaces.ts')
  const surfaces = await listSurfaces(machineContext(cli))
  const text =
    surfaces.length === 0
      ? ['no surfaces: no agent sees the release; add one with: skillsctl surface add claude-code']
      : surfaces.flatMap((status) => statusLines(status, Date.now()))
  return { data: { surfaces }, text }
}

function statusLines(status: SurfaceStatus, now: number): string[] {
  const { surface, shadowed } = status
  const lines = shadowed.map(
    (place) =>
      `  ! ${place} is shadowed by something of yours; skillsctl surface adopt ${place} moves it to kept/`,
  )
  return [`${surface.name}: ${stateOf(status, now)}`, ...lines]
}

function stateOf(status: SurfaceStatus, now: number): string {
  const { surface, shows, isCurrent, entries, waitsSince, sessions, exported, unread } = status
  if (unread !== undefined) return `${unread}: see skillsctl doctor`
  const age = (instant: string): string => formatAge(Math.max(0, now - Date.parse(instant)))
  if (surface.root === undefined)
    return `manual: ${exported ? lastExport(exported, now) : 'never exported, '}not verifiable`
  const what = `${entries} ${entries === 1 ? 'entry' : 'entries'} (${surface.by}, ${surface.switch}) in ${surface.root}`
  if (shows === undefined) return `shows nothing yet; ${what}`
  const readers = sessions === 0 ? '' : `, ${sessions} ${sessions === 1 ? 'session' : 'sessions'}`
  if (isCurrent) return `${shownAs(shows)}, ${what}${readers}`
  const why = waitsSince === undefined ? 'behind' : `waits for sessions since ${age(waitsSince)}`
  return `${shownAs(shows)}, ${why}; ${what}${readers}`
}

/** What its users see, nobody here knows: only what was made for them, and what has changed since. */
function lastExport({ release, at, skills, changed }: ExportStatus, now: number): string {
  const last = `last exported ${release}, ${formatAge(Math.max(0, now - Date.parse(at)))} ago`
  return changed.length === 0
    ? `${last}, `
    : `${last}, ${changed.length} of ${skills.length} skills changed since; `
}

export async function remove(
  cli: Cli,
  [name = '']: Args,
  { gone = false }: { gone?: boolean },
): Promise<Result> {
  const { removeSurface } = await import('../../src/flows/remove-surface.ts')
  const { changed, kept } = await removeSurface(machineContext(cli), name, { gone })
  const count = `${changed.length} ${changed.length === 1 ? 'entry' : 'entries'}`
  return {
    data: { removed: name, entries: changed, kept },
    text: [`removed ${name}: ${count} of ours`, ...keptLines(kept)],
  }
}

export async function adoptEntry(cli: Cli, [entry = '']: Args, { on }: { on?: string }): Promise<Result> {
  const { adopt } = await import('../../src/flows/adopt.ts')
  const adopted = await adopt(machineContext(cli), entry, on)
  const text = adopted.map(
    ({ surface, place, kept }) => `${surface}: ${place} is of the release now; yours is in ${kept}`,
  )
  return { data: { adopted }, text }
}

export async function hook(
  cli: Cli,
  [name = '']: Args,
  { install = false, remove = false }: { install?: boolean; remove?: boolean },
): Promise<Result> {
  if (install && remove)
    throw new SkillsctlError('usage', 'a hook is installed or removed, not both', {
      subject: '--install --remove',
    })
  const { findHook, installHook, removeHook } = await import('../../src/flows/surface-hook.ts')
  const context = machineContext(cli)
  const program = hookProgram(context.layout)
  const report = install
    ? await installHook(context, name, program)
    : remove
      ? await removeHook(context, name)
      : await findHook(context, name, program)
  return {
    data: report,
    text: [hookLine(report), ...report.otherHomes.map((home) => `  of another home: ${home}`)],
  }
}

function hookLine({ surface, path, hook, changed }: HookReport): string {
  const install = `skillsctl surface hook ${surface} --install`
  if (hook === 'installed') return `${surface}: the hook is ${changed ? '' : 'already '}in ${path}`
  if (hook === 'foreign' && !changed)
    return `${surface}: the hook in ${path} is not of this home; add ours with: ${install}`
  if (hook === 'other') return `${surface}: an older hook is in ${path}; bring it up to date with: ${install}`
  return changed
    ? `${surface}: the hook is out of ${path}`
    : `${surface}: no hook in ${path}; add it with: ${install}`
}
