/** Names of trees, which tell what they are: `2026.11.20-3f2a9c1` is a release, `2026.11.20-3f2a9c1~0a1b2c3d` a view of it. */

export function isView(name: string): boolean {
  return name.includes('~')
}

/** The directory of `releases/` that a tree needs. */
export function releaseIn(name: string): string {
  return name.slice(0, `${name}~`.indexOf('~'))
}

/** A tree as people call it: the version of its release, and whether it holds edits. */
export function shownAs(tree: string): string {
  const version = releaseIn(tree).replace(/\.[0-9a-f]{8}$/, '')
  return isView(tree) ? `${version} with edits` : version
}
