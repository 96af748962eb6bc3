/** Where a symbolic link leads, by the rules of a kernel: name by name, each link on the way before what comes after it. */

/** As many links as Linux follows in one path. */
export const MOST_LINKS = 40

/** What follows a link has to know of the tree that it is in. */
export interface Tree {
  /** Of a link; undefined for everything else. */
  targetOf(path: string): string | undefined
  /** Default: whatever is no link may be one. */
  isDirectory?(path: string): boolean
}

export interface Walk {
  /** Where it ends, whether something is there or not; undefined when no kernel comes to the end. */
  readonly end: string | undefined
  readonly problem: 'leaves' | 'circles' | 'no directory' | undefined
  /** Wherever it came through: where the link lies, each directory on the way, and the end. */
  readonly passed: readonly string[]
}

/** @param path of the link, from the top of the tree; nothing on the way to it is a link */
export function follow(path: string, target: string, tree: Tree): Walk {
  const at = path.split('/').slice(0, -1)
  const rest = target.split('/')
  const passed = [at.join('/')]
  let problem: Walk['problem']
  for (let links = 0; rest.length > 0; ) {
    // Goes on all the same: where case is ignored, the directory may be there under another spelling.
    if (tree.isDirectory?.(at.join('/')) === false) problem = 'no directory'
    const name = rest.shift()
    if (name === undefined || name === '' || name === '.') continue
    if (name === '..') {
      if (at.pop() === undefined) return { end: undefined, problem: 'leaves', passed }
      passed.push(at.join('/'))
      continue
    }
    const next = [...at, name].join('/')
    const through = tree.targetOf(next)
    if (through === undefined) {
      at.push(name)
      passed.push(next)
    } else {
      if (++links > MOST_LINKS) return { end: undefined, problem: 'circles', passed }
      rest.unshift(...through.split('/'))
    }
  }
  return { end: problem === undefined ? at.join('/') : undefined, problem, passed }
}
