/** What became of edits, and what they are → lines for people. */
import { shellLine } from '../src/core/shell.ts'
import type { Outcome } from '../src/edits/overlays.ts'
import type { EditedSkill, EditsReport } from '../src/flows/list-edits.ts'
import { visible } from './output.ts'

type Named = { readonly unit: string; readonly surface?: string | undefined }

/** `skills/quarterback`, and whose it is. */
export function nameOf({ unit, surface }: Named): string {
  return visible(surface === undefined ? unit : `${unit} on ${surface}`)
}

/** A command for one edit, to be copied: the whole path is never ambiguous. */
export function commandFor(verb: string, { unit, surface }: Named, ...more: readonly string[]): string {
  const where = surface === undefined ? [] : ['--surface', surface]
  return shellLine('skillsctl', ...verb.split(' '), unit, ...where, ...more)
}

/** What became of edits, a line each. @param version of the release that they were brought to */
export function outcomeLines(outcomes: readonly Outcome[], version: string): string[] {
  return outcomes.map((outcome) => `  ${outcomeLine(outcome, version)}`)
}

function outcomeLine(outcome: Outcome, version: string): string {
  const { became, kept, formerly = '', paths = [] } = outcome
  const name = nameOf(outcome)
  const resolve = commandFor('edits resolve', outcome)
  const before = kept === undefined ? '' : `; as it was before: ${kept}`
  const says: Record<Outcome['became'], string> = {
    kept: `${name}: your edit is kept as an overlay${before}`,
    merged: `${name}: your edit is merged with ${version}${before}`,
    waits: `! ${name}: still yours, ${version} changed the same: ${resolve}`,
    removed: `! ${name}: removed in ${version}, yours is kept: ${resolve}`,
    renamed: `${name}: your edit of ${visible(formerly)} follows its new name${before}`,
    ended: `${name}: the release has it now, so your edit has ended${before}`,
    aside: `${name}: the release wins, your edit is set aside${kept === undefined ? '' : ` in ${kept}`}`,
    damaged: `! ${name}: the files of your edit are damaged, so the release is shown: skillsctl doctor`,
    unreadable: `! ${name}: your edit cannot be read (by its permissions, or as it is over 2 GB), and stays in ${paths.map(visible).join(', ')}`,
  }
  return says[became]
}

/** One line, as long as any edit waits for the person. */
export function waitingLines(waiting: readonly Named[]): string[] {
  if (waiting.length === 0) return []
  const [count, verb] = waiting.length === 1 ? ['1 edit', 'waits'] : [`${waiting.length} edits`, 'wait']
  const names = waiting.slice(0, 3).map(nameOf).join(', ')
  const more = waiting.length > 3 ? ` and ${waiting.length - 3} more` : ''
  return [`  ! ${count} ${verb} for you to resolve: ${names}${more}: skillsctl edits`]
}

export function editsLines({ edits, local, open, hasSurfaces, kept }: EditsReport): string[] {
  const [blessed, others] = [edits.filter(isBlessed), edits.filter((edit) => !isBlessed(edit))]
  const homeless = 'no agent is shown this release here: an update sets edits aside in'
  return [
    ...(edits.length === 0 ? ['nothing was edited here'] : others.flatMap(skillLines)),
    ...(edits.length > 0 && !hasSurfaces ? [`${homeless} ${kept}`] : []),
    ...(blessed.length === 0 ? [] : ['on purpose:', ...blessed.flatMap(skillLines)]),
    ...(open.length === 0 ? [] : ['being edited, and not active before it is saved:']),
    ...open.map((copy) => `  ${nameOf(copy)}: ${copy.path}; ${commandFor('edits save', copy)}`),
    ...(local.length === 0 ? [] : ['local, on this machine alone:']),
    ...local.map(({ surface, place }) => `  ${visible(place)} on ${surface}`),
  ]
}

function isBlessed({ state }: EditedSkill): boolean {
  return state === 'blessed'
}

const SIGNS = { added: '+', modified: '~', deleted: '-', mode: 'x' } as const

function skillLines(edit: EditedSkill): string[] {
  const { unit, changes, foundOn } = edit
  const name = foundOn === undefined ? nameOf(edit) : `${nameOf(edit)} (found on ${foundOn})`
  const files = changes.map(({ kind, path }) => `  ${SIGNS[kind]} ${visible(below(unit, path))}`)
  return [`${name}: ${stateText(edit)}`, ...files]
}

function below(unit: string, path: string): string {
  return path === unit ? path.slice(path.lastIndexOf('/') + 1) : path.slice(unit.length + 1)
}

function stateText(edit: EditedSkill): string {
  const { state, base, since, why, waits, policy, problem } = edit
  const from = `made from ${base}${since === undefined ? '' : `, since ${since}`}`
  const release = waits?.release.version
  switch (state) {
    case 'new':
      return policy === 'take'
        ? `new, ${from}; the next skillsctl pull sets it aside, as the policy is take`
        : `new, ${from}; the next skillsctl pull takes it over`
    case 'gone':
      return `deleted here, which is no edit: it comes back with ${base}`
    case 'damaged':
      return `damaged: ${problem?.message}: ${problem?.subject}; or: ${commandFor('edits drop', edit)}`
    case 'waits':
      return waits?.because === 'removed'
        ? `waits, as ${release} has removed it; ${from}; ${commandFor('edits resolve', edit)}`
        : `waits, as ${release} changed the same (${conflicts(edit)}); ${from}; ${commandFor('edits resolve', edit)}`
    case 'blessed':
      return `${visible(why ?? '')}; ${from}${waits === undefined ? '' : `; ${release} has removed it`}`
    case 'kept':
      return `kept, ${from}`
  }
}

function conflicts({ unit, waits }: EditedSkill): string {
  return visible((waits?.paths ?? []).map((path) => below(unit, path)).join(', '))
}
