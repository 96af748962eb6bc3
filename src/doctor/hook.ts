/** The hook through which an agent tells when its sessions begin and end: surfaces that wait for sessions live by it. */
import type { SkillsctlError } from '../core/errors.ts'
import { formatAge } from '../core/freshness.ts'
import { type Finding, Findings } from './finding.ts'
import type { Snapshot, SurfaceSnapshot } from './snapshot.ts'

/**
 * `other`: there is one of ours, but not as it would be installed now. `foreign`: none of ours, but one of another home.
 * `unsupported`: this agent knows no hooks.
 */
export interface HookState {
  readonly is: 'installed' | 'other' | 'foreign' | 'none' | 'unsupported' | 'unreadable'
  /** The settings of the agent. */
  readonly path?: string | undefined
  /** Homes whose hooks are there as well. */
  readonly otherHomes?: readonly string[] | undefined
  readonly problem?: SkillsctlError | undefined
}

export function checkHooks({ surfaces, hooks }: Snapshot): Finding[] {
  const findings = new Findings('hook')
  for (const surfaceSnapshot of surfaces) {
    const state = hooks.get(surfaceSnapshot.surface.name)
    if (surfaceSnapshot.root?.is === 'directory' && state !== undefined)
      checkHook(findings, surfaceSnapshot, state)
  }
  return findings.all
}

function checkHook(findings: Findings, { surface, reading }: SurfaceSnapshot, state: HookState): void {
  const { name, maxWait } = surface
  const { is, path = name, otherHomes = [], problem } = state
  const isNeeded = surface.switch === 'session'
  const fix = 'hook'
  const blocked = reading.settings?.noHooks
  if (is === 'unreadable') {
    const what = `whether the hook is there cannot be told: ${problem?.message}`
    if (isNeeded) findings.problem(path, what, { hint: 'mend these settings, then: skillsctl doctor --fix' })
    else findings.note(path, what)
  } else if (is === 'unsupported') {
    if (isNeeded)
      findings.note(
        name,
        `its agent tells nobody when a session ends: it moves ${formatAge(maxWait * 1000)} late`,
        {
          hint: 'skillsctl surface add --switch now follows at once; skillsctl run holds it for one command',
        },
      )
  } else if (is === 'other') {
    findings.problem(path, 'the hook is that of another installation of skillsctl', { fix })
  } else if (is === 'foreign') {
    const what = `the hook here is of another home${otherHomes.length === 0 ? '' : `: ${otherHomes.join(', ')}`}`
    // Which of the two the person means to use, nobody here can know.
    if (isNeeded) findings.problem(path, what, { hint: `skillsctl surface hook ${name} --install adds ours` })
    else findings.note(path, what)
  } else if (is === 'none' && isNeeded) {
    findings.problem(name, 'waits for sessions to end, and no hook tells of them', {
      hint: `skillsctl surface hook ${name} --install`,
      fix,
    })
  } else if (is === 'installed' && blocked !== undefined) {
    const what = `its hook does not run: ${blocked.value} in ${blocked.path}`
    if (isNeeded) findings.problem(name, what, { hint: 'ask whoever keeps that file, or: --switch now' })
    else findings.note(name, what)
  } else if (is === 'installed') {
    findings.ok(name, `its hook is in ${path}`)
  }
}
