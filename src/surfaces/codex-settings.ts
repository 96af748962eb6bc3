/** Skills that a person has switched off in Codex: `[[skills.config]]` in its `config.toml`. */
import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Hiding } from './hiding.ts'
import type { Seen } from './scan.ts'

interface SwitchedOff {
  readonly name: string | undefined
  readonly path: string | undefined
}

/** @param root of Codex, `~/.codex` @returns what it makes of a skill that would be listed */
export function codexHiding(root: string): (seen: Seen) => Hiding | undefined {
  const path = join(root, 'config.toml')
  const off = switchedOff(textOf(path))
  return ({ name, file, path: directory }) => {
    const places = [file, dirname(file), directory, join(directory, 'SKILL.md')]
    const found = off.some(
      (one) => one.name === name || (one.path !== undefined && places.includes(one.path)),
    )
    return found ? { because: `${path} switches it off`, isChosen: true, isListed: false } : undefined
  }
}

/** As much of TOML as these tables are made of, as Codex itself writes them. */
function switchedOff(text: string): SwitchedOff[] {
  const [, ...tables] = text.split(/^[ \t]*\[\[[ \t]*skills[ \t]*\.[ \t]*config[ \t]*\]\].*$/m)
  return tables.flatMap((table) => {
    const [own = ''] = table.split(/^[ \t]*\[/m)
    const fieldOf = (key: string): string | undefined =>
      new RegExp(`^[ \\t]*${key}[ \\t]*=[ \\t]*(.*?)[ \\t\\r]*(?:#.*)?$`, 'm').exec(own)?.[1]
    if (fieldOf('enabled') !== 'false') return []
    return [{ name: unquoted(fieldOf('name')), path: unquoted(fieldOf('path')) }]
  })
}

function unquoted(value: string | undefined): string | undefined {
  return /^(["'])(.*)\1$/.exec(value ?? '')?.[2]
}

function textOf(path: string): string {
  try {
    // A pipe would keep us waiting.
    return statSync(path).isFile() ? readFileSync(path, 'utf8') : ''
  } catch {
    // Most people have none.
    return ''
  }
}
