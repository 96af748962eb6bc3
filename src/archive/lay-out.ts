/** A tree before its archive has come: making a file takes longer than writing it, and there is time. */
import { closeSync, fchmodSync, openSync } from 'node:fs'
import type { Manifest } from '../core/manifest.ts'
import { NewTree } from './new-tree.ts'

/**
 * Makes the directories of a tree, and its files, all of them empty. Yields after each file, so that whoever drives it
 * can stop.
 * @param directory absolute path; exists and is empty
 * @param made gets the paths of the files that are there
 * @throws the system's error
 */
export function* layOut(
  directory: string,
  { files }: Manifest,
  made: Set<string>,
): Generator<undefined, undefined> {
  const tree = new NewTree(directory)
  for (const { mode, path } of files) {
    if (mode === 'link') continue
    const file = openSync(tree.place(path), 'wx', 0o600)
    try {
      // Whatever the umask says: it is opened again.
      fchmodSync(file, 0o600)
    } finally {
      closeSync(file)
    }
    made.add(path)
    yield
  }
}
