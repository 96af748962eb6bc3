import { createHash } from 'node:crypto'
import { lstat, readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { join } from 'node:path'

/** One digest of everything that git would keep of a directory: paths, bytes, executable bits, targets of links. */
export async function contentOf(directory: string): Promise<string> {
  const hash = createHash('sha256')
  const walk = async (at: string, prefix: string): Promise<void> => {
    for (const name of (await readdir(at)).sort()) {
      if (prefix === '' && name === '.git') continue
      const [path, shown] = [join(at, name), `${prefix}${name}`]
      const info = await lstat(path)
      if (info.isDirectory()) await walk(path, `${shown}/`)
      else if (info.isSymbolicLink()) hash.update(`link ${shown}\0${await readlink(path)}\0`)
      else {
        const mode = info.mode & 0o100 ? 'executable' : 'file'
        hash.update(`${mode} ${shown}\0${info.size}\0`).update(await readFile(path))
      }
    }
  }
  await walk(await realpath(directory), '')
  return hash.digest('hex')
}
