/** The commands of what was set aside, and of leaving: from arguments to a flow, from its report to lines. */
import { resolve } from 'node:path'
import { SkillsctlError } from '../../src/core/errors.ts'
import { shellWord } from '../../src/core/shell-word.ts'
import type { LeaveReport, Leaving } from '../../src/flows/leave.ts'
import type { RestoredPlace } from '../../src/surfaces/restore-snapshot.ts'
import { type Cli, layoutFor, machineContext } from '../context.ts'
import { EXIT } from '../exit.ts'
import { formatBytes, type Result } from '../output.ts'
import { confirmer, isInteractive } from '../prompt.ts'

type Args = readonly string[]

export async function listAll(cli: Cli): Promise<Result> {
  const { listKept } = await import('../../src/home/kept.ts')
  const layout = layoutFor(cli.globals)
  const kept = listKept(layout)
  const text = kept.map(
    ({ name, at, bytes, reason }) => `${at}  ${formatBytes(bytes).padStart(7)}  ${name}  ${reason}`,
  )
  return {
    data: { directory: layout.kept, kept },
    text: text.length === 0 ? ['nothing was set aside here'] : text,
  }
}

export async function show(cli: Cli, [name = '']: Args): Promise<Result> {
  const { showKept } = await import('../../src/flows/kept.ts')
  const found = showKept(layoutFor(cli.globals), name)
  const { path, reason, at, paths, roots, kind } = found
  const to = kind === 'snapshot' ? '' : ' --to <directory>'
  return {
    data: found,
    text: [
      `${path}: ${reason}, ${at}`,
      ...roots.map(({ surface, root }) => `  ${surface}/ was in ${root}`),
      ...paths.map((one) => `  ${formatBytes(one.bytes).padStart(7)}  ${one.path}`),
      `to get it back: skillsctl kept restore ${found.name}${to}`,
    ],
  }
}

export async function restore(cli: Cli, [name = '']: Args, { to }: { to?: string }): Promise<Result> {
  const { restoreKept } = await import('../../src/flows/kept.ts')
  const restored = await restoreKept(machineContext(cli), name, to === undefined ? undefined : resolve(to))
  const isLeft = restored.places.some(({ outcome }) => outcome === 'taken' || outcome === 'ours')
  return { data: restored, text: restoredLines(restored.places), exit: isLeft ? EXIT.failed : EXIT.done }
}

function restoredLines(places: readonly Pick<RestoredPlace, 'path' | 'outcome'>[]): string[] {
  const count = (outcome: RestoredPlace['outcome']): number =>
    places.filter((place) => place.outcome === outcome).length
  const [restored, same] = [count('restored'), count('same')]
  return [
    `${restored} restored${same === 0 ? '' : `, ${same} as it was already`}`,
    ...places.flatMap(({ path, outcome }) => {
      if (outcome === 'taken') return [`  ! something else is there, and stays: ${path}`]
      return outcome === 'ours' ? [`  ! the release is shown there: ${path}`] : []
    }),
  ]
}

export async function leaveAll(
  cli: Cli,
  _args: Args,
  { restore = false, yes = false }: { restore?: boolean; yes?: boolean },
): Promise<Result> {
  const { leave, leaving } = await import('../../src/flows/leave.ts')
  const context = machineContext(cli)
  const found = await leaving(context)
  const { root } = context.layout
  if (!(await confirmer(yes)(questionAbout(found, root)))) {
    throw new SkillsctlError('refused', 'nothing was changed', {
      subject: root,
      found: isInteractive() ? undefined : readers(found),
      hint: isInteractive() ? undefined : 'there is no terminal to ask: add --yes',
    })
  }
  const report = await leave(context, { restore })
  return { data: report, text: leaveLines(report) }
}

function questionAbout(found: Leaving, root: string): string {
  const { surfaces } = found
  const where = surfaces.length === 0 ? '' : `, take it away from ${surfaces.join(', ')},`
  const reading = readers(found)
  return `remove the release${where} and leave? ${reading === undefined ? '' : `${reading}. `}${root}`
}

function readers({ readers }: Leaving): string | undefined {
  if (readers === 0) return undefined
  return readers === 1 ? '1 session is reading it' : `${readers} sessions are reading it`
}

function leaveLines({ home, surfaces, restored, left }: LeaveReport): string[] {
  const others = left.filter((name) => name !== 'kept')
  return [
    ...surfaces.map(
      ({ surface, entries }) =>
        `removed ${surface}: ${entries} ${entries === 1 ? 'entry' : 'entries'} of ours`,
    ),
    ...(restored.length === 0 ? [] : restoredLines(restored)),
    left.length === 0 ? `left; ${home} is gone` : `left; what you wrote is in ${home}/kept`,
    ...others.map((name) => `  ! not ours, and stays: ${home}/${name}`),
    ...(left.includes('kept') ? [`  to see what it is: skillsctl kept --home ${shellWord(home)}`] : []),
  ]
}
