/** A home whose `current` is gone or damaged heals by itself, offline. */
import { withLock } from '../disk/lock.ts'
import { switchCurrent } from '../home/activation.ts'
import { readHistory } from '../home/history.ts'
import { findIntact } from '../home/place.ts'
import { currentName, readInstalled } from '../home/releases.ts'
import type { Machine } from './machine.ts'

/** Points `current` at what ran last, if that is on disk and untouched. @returns whether anything was to do */
export async function repairCurrent(machine: Machine): Promise<boolean> {
  const { layout } = machine
  if (currentName(layout) !== undefined) return false
  return withLock(layout.lock, async () => {
    if (currentName(layout) !== undefined) return false
    const ran = (await readHistory(layout)).at(-1)
    const last = ran && readInstalled(layout, ran.to)
    if (last === undefined || findIntact(layout, last) === undefined) return false
    await switchCurrent(layout, last.directory, 'repair', machine.by, machine.now())
    return true
  })
}
