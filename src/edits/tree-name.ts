/** Names of trees, which tell what they are: `2026.11.20-3f2a9c1` is a release, `2026.11.20-3f2a9c1~0a1b2c3d` a view of it. */

export function isView(name: string): boolean {
  return name.includes('~')
}

/** The directory of `releases/` that a tree needs. */
export function releaseIn(name: string): string {
  return name.slice(0, `${name}~`.indexOf('~'))
}
