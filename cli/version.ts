import { readFileSync } from 'node:fs'

/** The version in package.json, which lies two directories above the compiled file. */
export function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return String(version)
}
