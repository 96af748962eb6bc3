/** `editing/<name>/`: copies that a person works on, each beside what is known of it. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { onDiskNow } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'

export const WORKCOPY_RECORD = 'edit.json'

export function editingHere({ editing }: Pick<Layout, 'editing'>): string[] {
  return onDiskNow(editing, () => {
    if (!existsSync(editing)) return []
    return readdirSync(editing).filter((name) => existsSync(join(editing, name, WORKCOPY_RECORD)))
  })
}
