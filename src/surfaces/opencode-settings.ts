/** Skills that OpenCode may not use, and does not list: `permission.skill` of its configuration. */
import { join } from 'node:path'
import type { Hiding } from './hiding.ts'
import { fieldsOf, settingsIn } from './json-settings.ts'
import type { Seen } from './scan.ts'

/** In the order in which they are read. */
const FILES = ['config.json', 'opencode.json', 'opencode.jsonc']

interface Rule {
  readonly path: string
  /** `*` stands for anything, `?` for one character. */
  readonly pattern: string
  readonly action: unknown
}

/** @param root of OpenCode, `~/.config/opencode` @returns what it makes of a skill that would be listed */
export function opencodeHiding(root: string): (seen: Seen) => Hiding | undefined {
  const rules = FILES.flatMap((name) => rulesIn(join(root, name)))
  return ({ name }) => {
    const last = rules.findLast(({ pattern }) => fits(pattern, name))
    if (last?.action !== 'deny') return undefined
    return { because: `permission in ${last.path} denies it`, isChosen: true, isListed: false }
  }
}

/** An action for all skills, or one by pattern. */
function rulesIn(path: string): Rule[] {
  const { permission } = settingsIn(path)
  const all = typeof permission === 'string' ? { '*': permission } : fieldsOf(permission)
  return Object.entries(all).flatMap(([what, said]) => {
    if (!fits(what, 'skill')) return []
    const actions = typeof said === 'string' ? { '*': said } : fieldsOf(said)
    return Object.entries(actions).map(([pattern, action]) => ({ path, pattern, action }))
  })
}

function fits(pattern: string, text: string): boolean {
  const literal = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(text)
}
