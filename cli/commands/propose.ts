/** `skillsctl propose`: from arguments to the flow, from its report to lines. */
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { shellLine } from '../../src/core/shell.ts'
import type { ProposeReport } from '../../src/flows/propose.ts'
import { type Cli, machineContext } from '../context.ts'
import type { Result } from '../output.ts'

interface ProposeFlags {
  repo?: string
  branch?: string
  push?: boolean
  why?: string
  surface?: string
}

export async function proposeEdit(
  cli: Cli,
  [skill = '']: readonly string[],
  { repo = '.', surface, ...flags }: ProposeFlags,
): Promise<Result> {
  const { findProposedEdit } = await import('../../src/flows/proposed-edit.ts')
  const { propose } = await import('../../src/flows/propose.ts')
  const [machine = ''] = hostname().split('.')
  const edit = await findProposedEdit(machineContext(cli), skill, { surface, machine })
  const report = await propose(edit, { ...flags, repository: resolve(repo) })
  return { data: report, text: proposeLines(report) }
}

export function proposeLines(report: ProposeReport): string[] {
  const { outcome, unit, branch, base, files, ignored, commit = '', unsigned } = report
  const head: Record<ProposeReport['outcome'], string> = {
    proposed: `${unit}: commit ${commit.slice(0, 12)} on branch ${branch}, from release ${base.version}`,
    unchanged: `${unit}: nothing new; commit ${commit.slice(0, 12)} on branch ${branch} has this edit already`,
    landed: `${unit}: nothing to propose; ${sourceBranch(report)} has this edit, and the next release will`,
  }
  return [
    head[outcome],
    ...(outcome === 'proposed' ? files.map(({ path, kind }) => `  ${SIGNS[kind]} ${path}`) : []),
    ...ignored.map((path) => `  left out, because the source ignores it: ${path}`),
    ...(unsigned ? [`  not signed, though git is set to sign: ${sign(report)}`] : []),
    ...upstreamLines(report),
    ...(outcome === 'landed' ? [] : nextLines(report)),
  ]
}

const SIGNS = { added: '+', modified: '~', mode: 'x', deleted: '-' } as const

function sourceBranch({ upstream }: ProposeReport): string {
  return [upstream?.remote, upstream?.branch].filter(Boolean).join('/')
}

function upstreamLines(report: ProposeReport): string[] {
  const { upstream } = report
  if (upstream?.is === 'unreachable')
    return [`  ${upstream.remote} could not be asked, so whether it has moved on is not known`]
  if (upstream?.is !== 'changed') return []
  return [`  ${sourceBranch(report)} has changed this as well since the release: see before you merge`]
}

function sign({ repository, branch }: ProposeReport): string {
  const git = ['git', '-C', repository]
  return `${shellLine(...git, 'switch', branch)} && ${shellLine(...git, 'commit', '--amend', '--no-edit', '-S')}`
}

function nextLines({ repository, branch, remote, pushed }: ProposeReport): string[] {
  if (pushed !== undefined) {
    const what = pushed.outcome === 'pushed' ? 'pushed to' : 'was already at'
    const link = pushed.told.map((line) => `  ${pushed.remote}: ${line}`)
    return [`  ${what} ${pushed.remote}; next: open a pull request for ${branch}`, ...link]
  }
  const git = ['git', '-C', repository]
  const next = remote === undefined ? ['merge', branch] : ['push', remote, branch]
  return [`  next: ${shellLine(...git, ...next)}`]
}
