/** The home itself: the release that runs, whose it is, what a killed run has left. */
import { lstatSync, type Stats, statSync } from 'node:fs'
import type { SkillsctlError } from '../core/errors.ts'
import { errnoOf } from '../disk/fault.ts'
import { isRecorded } from '../home/activation.ts'
import { findDrift } from '../home/drift.ts'
import { identityOf, notedIdentity } from '../home/machine-identity.ts'
import { hasLeftovers } from '../home/staging.ts'
import { type Finding, Findings, names } from './finding.ts'
import type { Snapshot } from './snapshot.ts'

export function checkRelease({ layout, current, state, surfaces }: Snapshot): Finding[] {
  const findings = new Findings('release')
  if (current === undefined) {
    if (state.head === undefined && state.checkedAt !== undefined && nothingAt(layout.current))
      return findings.note(layout.current, 'nothing was published on this channel yet').all
    const what = nothingAt(layout.current) ? 'is missing' : 'does not lead to a whole release'
    return findings.problem(layout.current, what, { hint: 'run: skillsctl pull', fix: 'current' }).all
  }
  const drift = findDrift(layout, current)
  const gone = drift.filter(({ kind }) => kind === 'deleted').map(({ path }) => path)
  const edited = drift.filter(({ kind }) => kind !== 'deleted').map(({ path }) => path)
  const hint = surfaces.some(({ root }) => root !== undefined)
    ? 'look: skillsctl edits; take them over and restore the release: skillsctl pull'
    : 'look: skillsctl verify; set them aside and restore the release: skillsctl verify --repair'
  if (gone.length > 0) findings.problem(current.version, `files are gone from it: ${names(gone)}`, { hint })
  if (edited.length > 0) findings.note(current.version, `edited on this machine: ${names(edited)}`, { hint })
  if (drift.length === 0) findings.ok(current.version, `all ${current.content.files.length} files are there`)
  return findings.all
}

function nothingAt(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) === undefined
}

/** Others who may write here could change what agents are told to do. */
const OTHERS_WRITE = 0o022
const OF_OWNER = { directory: 0o700, file: 0o600 }

export function checkPermissions({ layout }: Pick<Snapshot, 'layout'>): Finding[] {
  const findings = new Findings('permissions')
  const { releases, manifests, trust, staging, kept, surfaces, ledgers, leases, root } = layout
  const { overlays, views, editing } = layout
  for (const path of [
    root,
    releases,
    manifests,
    trust,
    staging,
    kept,
    overlays,
    views,
    editing,
    surfaces,
    ledgers,
    leases,
  ])
    checkMode(findings, root, path, 'directory')
  for (const path of [layout.config, layout.state, layout.history, layout.edits])
    checkMode(findings, root, path, 'file')
  return findings.all.length > 0 ? findings.all : findings.ok(root, 'only its owner may write there').all
}

function checkMode(findings: Findings, root: string, path: string, kind: keyof typeof OF_OWNER): void {
  const info = infoOf(path)
  if (info === undefined) return
  const mode = (info.mode & 0o777).toString(8)
  if (kind === 'directory' && !info.isDirectory()) {
    findings.problem(path, 'a file is where a directory belongs', {
      hint: 'move it away, then: skillsctl pull',
    })
  } else if (process.getuid !== undefined && process.getuid() !== 0 && info.uid !== process.getuid()) {
    findings.problem(path, 'belongs to another user', {
      hint: `run skillsctl as the user that owns ${root}`,
    })
  } else if ((info.mode & OTHERS_WRITE) !== 0) {
    findings.problem(path, `other users may write here (${mode})`, { fix: 'permissions' })
  } else if ((info.mode & OF_OWNER[kind]) !== OF_OWNER[kind]) {
    findings.problem(path, `its owner may not read and write here (${mode})`, { fix: 'permissions' })
  }
}

function infoOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    // Said of the directory that it is in.
    if (errnoOf(error) === 'EACCES') return undefined
    throw error
  }
}

/** Of a home in which something may not be read, that and nothing else can be told. */
export function closedHome(snapshot: Pick<Snapshot, 'layout'>, problem: SkillsctlError): Finding[] {
  const { subject = snapshot.layout.root, message, hint } = problem
  const findings = new Findings('permissions').problem(subject, `nothing else was looked at: ${message}`, {
    hint,
  })
  return [...checkPermissions(snapshot), ...findings.all]
}

export function checkIdentity({ config, machineId }: Snapshot): Finding[] {
  const findings = new Findings('identity')
  const noted = notedIdentity(config)
  if (machineId === undefined)
    return findings.ok(config.machine, 'this system has no id of its own: a copied home would not be noticed')
      .all
  if (noted === undefined)
    return findings.note(config.machine, 'it is not noted yet which machine this home belongs to', {
      fix: 'identity',
    }).all
  if (noted === identityOf(config.machine, machineId))
    return findings.ok(config.machine, 'is this machine').all
  return findings.problem(
    config.machine,
    'this home was made on another machine: copied, or the system was installed anew',
    {
      hint: 'two machines with one id look like one: skillsctl doctor --fix gives this one its own',
      fix: 'identity',
    },
  ).all
}

export async function checkLeftovers({ layout }: Snapshot): Promise<Finding[]> {
  const findings = new Findings('leftovers')
  if (await hasLeftovers(layout))
    findings.note(layout.staging, 'a run was killed and left unfinished work', { fix: 'leftovers' })
  if (!(await isRecorded(layout)))
    findings.note(layout.history, 'a run was killed before it recorded what it did', { fix: 'leftovers' })
  return findings.all.length > 0 ? findings.all : findings.ok(layout.staging, 'nothing is left over').all
}
