/** What `doctor --fix` does. Each repair goes through the flow that does the same thing elsewhere, and may be done twice. */
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdirSync, statSync } from 'node:fs'
import { parsePolicies } from '../core/edit-policy.ts'
import { isError, SkillsctlError } from '../core/errors.ts'
import { onDiskNow } from '../disk/fault.ts'
import { withLock } from '../disk/lock.ts'
import type { Repair } from '../doctor/finding.ts'
import { isSafeToMake } from '../doctor/place.ts'
import { isRecordLost } from '../edits/content.ts'
import { followRelease } from '../edits/follow-release.ts'
import { Overlays } from '../edits/overlays.ts'
import { rebuildEdits } from '../edits/rebuild.ts'
import { readEdits, writeEdits } from '../edits/record.ts'
import { requireConfig, writeConfig } from '../home/config.ts'
import { createHome, type Layout } from '../home/layout.ts'
import { notedIdentity, withIdentity } from '../home/machine-identity.ts'
import { currentRelease } from '../home/releases.ts'
import { surfacesOf } from '../surfaces/definitions.ts'
import { readLedger } from '../surfaces/ledger.ts'
import { pointerOf } from '../surfaces/pointer.ts'
import { rebuildLedger, resetLedger } from '../surfaces/rebuild-ledger.ts'
import { finishInterrupted } from './activate.ts'
import type { DoctorOptions } from './doctor.ts'
import { type MachineContext, openMachine } from './machine.ts'
import { pull } from './pull.ts'
import { settle } from './settle.ts'

type RepairOptions = Pick<DoctorOptions, 'host' | 'machineId' | 'hooks'>

/** @returns why a repair failed; what is fixed shows in the next look */
export async function applyRepairs(
  context: MachineContext,
  repairs: readonly Repair[],
  options: RepairOptions,
): Promise<ReadonlyMap<Repair, SkillsctlError>> {
  const failed = new Map<Repair, SkillsctlError>()
  for (const repair of repairs) {
    try {
      await REPAIR[repair](context, options)
    } catch (error) {
      if (!isError(error)) throw error
      failed.set(repair, error)
    }
  }
  return failed
}

const REPAIR: Readonly<Record<Repair, (context: MachineContext, options: RepairOptions) => Promise<void>>> = {
  permissions: repairPermissions,
  identity: repairIdentity,
  current: repairCurrent,
  ledger: repairLedgers,
  root: repairRoots,
  edits: repairEdits,
  surface: showAgain,
  hook: repairHooks,
  leftovers: async (context) => {
    await finishInterrupted(await openMachine(context))
  },
}

/** What others may do is taken away, what the owner needs is given, nothing else. */
async function repairPermissions({ layout }: MachineContext): Promise<void> {
  for (const path of Object.values(layout)) {
    // A link: to a release, whose modes are its own.
    if (path === layout.current) continue
    const info = onDiskNow(path, () => statSync(path, { throwIfNoEntry: false }))
    if (info === undefined) continue
    const ofOwner = info.isDirectory() ? 0o700 : 0o600
    onDiskNow(path, () => chmodSync(path, (info.mode & ~0o022 & 0o777) | ofOwner))
  }
}

/** A home that was copied gets an id of its own; one that is older than this note only gets the note. */
async function repairIdentity({ layout }: MachineContext, { machineId }: RepairOptions): Promise<void> {
  await createHome(layout)
  await withLock(layout.lock, async () => {
    const config = await requireConfig(layout)
    const machine = notedIdentity(config) === undefined ? config.machine : randomUUID()
    await writeConfig(layout, withIdentity({ ...config, machine }, machineId))
  })
}

/** A pull heals from what is on disk before it asks anybody. */
async function repairCurrent(context: MachineContext): Promise<void> {
  const { problem } = await pull(context)
  if (problem !== undefined) throw problem
}

/** What is ours is looked for in the root, which is there before. */
async function repairLedgers({ layout, now }: MachineContext, { host }: RepairOptions): Promise<void> {
  await makeRoots(layout, host)
  const problem = await withLock(layout.lock, async () => {
    const problems: SkillsctlError[] = []
    for (const surface of surfacesOf(await requireConfig(layout))) {
      const { root, name } = surface
      if (!(await isDamaged(() => readLedger(layout, name)))) continue
      try {
        if (root === undefined) await resetLedger(layout, name, now())
        else await rebuildLedger(layout, { ...surface, root }, now())
      } catch (error) {
        // The root of one may be away.
        if (!isError(error)) throw error
        problems.push(error)
      }
    }
    return problems[0]
  })
  await showAgain({ layout, now })
  if (problem !== undefined) throw problem
}

/** Also brings back what is damaged, from where it is shown still. */
async function repairEdits({ layout, now }: MachineContext): Promise<void> {
  await createHome(layout)
  await withLock(layout.lock, async () => {
    const config = await requireConfig(layout)
    const release = currentRelease(layout)
    if (release === undefined) return
    const pointers = surfacesOf(config).flatMap(({ name }) => pointerOf(layout, name) ?? [])
    const isLost = isRecordLost(layout) || (await isDamaged(() => readEdits(layout)))
    const edits = isLost ? await rebuildEdits(layout, release, pointers) : await readEdits(layout)
    const overlays = new Overlays(layout, edits, parsePolicies(config.raw), now())
    await followRelease(overlays, release)
    await writeEdits(layout, { ...edits, overlays: overlays.all(), followed: release.manifest })
  })
  await showAgain({ layout, now })
}

async function isDamaged(read: () => Promise<unknown>): Promise<boolean> {
  try {
    await read()
    return false
  } catch (error) {
    if (isError(error, 'corrupt')) return true
    throw error
  }
}

async function repairRoots({ layout, now }: MachineContext, { host }: RepairOptions): Promise<void> {
  await makeRoots(layout, host)
  await showAgain({ layout, now })
}

async function makeRoots(layout: Layout, { user }: RepairOptions['host']): Promise<void> {
  for (const { root } of surfacesOf(await requireConfig(layout))) {
    if (root === undefined || !isSafeToMake(root, user.directory)) continue
    onDiskNow(root, () => mkdirSync(root))
  }
}

/** Where one is needed, or there is an old one. */
async function repairHooks({ layout }: MachineContext, { hooks }: RepairOptions): Promise<void> {
  for (const { name, root, switch: moves } of surfacesOf(await requireConfig(layout))) {
    const { is } = root === undefined ? { is: 'unsupported' } : await hooks.find(name)
    if (is === 'other' || (is === 'none' && moves === 'session')) await hooks.install(name)
  }
}

/** Also what is right already is looked at entry by entry. A session keeps what it reads. */
async function showAgain({ layout, now }: Pick<MachineContext, 'layout' | 'now'>): Promise<void> {
  await withLock(layout.lock, async () => {
    const config = await requireConfig(layout)
    const { settled } = await settle(layout, config, surfacesOf(config), 'asked', now())
    const problem = settled.find((one) => one.problem !== undefined)?.problem
    if (problem instanceof SkillsctlError) throw problem
  })
}
