/** A tree that is being built: its directories are made once, and have one mode whatever the umask says. */
import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { FileEntry } from '../core/manifest.ts'

export class NewTree {
  private readonly directory: string
  private readonly made = new Set<string>(['.'])

  /** @param directory absolute path; holds nothing but files and directories of ours */
  constructor(directory: string) {
    this.directory = directory
  }

  /** Absolute path for an entry; the directories above it are there afterwards. */
  place(path: string): string {
    this.makeParents(path)
    return join(this.directory, path)
  }

  private makeParents(path: string): void {
    const parent = dirname(path)
    if (this.made.has(parent)) return
    this.makeParents(parent)
    const absolute = join(this.directory, parent)
    if (lstatSync(absolute, { throwIfNoEntry: false })?.isDirectory() !== true) {
      mkdirSync(absolute)
      chmodSync(absolute, 0o755)
    }
    this.made.add(parent)
  }
}

/** Nobody writes to a release. */
export function modeOf({ mode }: FileEntry): number {
  return mode === '755' ? 0o555 : 0o444
}
