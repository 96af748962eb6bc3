/** Skills that are switched off in Gemini CLI: `skills.enabled` and `skills.disabled` of its settings. */
import { join } from 'node:path'
import type { Hiding } from './hiding.ts'
import type { Host } from './host.ts'
import { fieldsOf, settingsIn } from './json-settings.ts'
import type { Seen } from './scan.ts'

const SYSTEM = {
  linux: 'etc/gemini-cli/settings.json',
  darwin: 'Library/Application Support/GeminiCli/settings.json',
} as const

/** @param root of Gemini CLI, `~/.gemini` @returns what it makes of a skill that would be listed */
export function geminiHiding(root: string, host: Host): (seen: Seen) => Hiding | undefined {
  // Strongest first.
  const files = [
    { path: join(host.root, SYSTEM[host.platform]), isChosen: false },
    { path: join(root, 'settings.json'), isChosen: true },
  ].map((file) => ({ ...file, skills: fieldsOf(settingsIn(file.path)['skills']) }))
  const switched = files.find(({ skills }) => typeof skills['enabled'] === 'boolean')
  return ({ name }) => {
    if (switched?.skills['enabled'] === false)
      return {
        because: `${switched.path} switches all skills off`,
        isChosen: switched.isChosen,
        isListed: false,
      }
    const off = files.find(({ skills }) => namesIn(skills['disabled']).includes(name.toLowerCase()))
    return off && { because: `${off.path} switches it off`, isChosen: off.isChosen, isListed: false }
  }
}

function namesIn(disabled: unknown): string[] {
  const names: readonly unknown[] = Array.isArray(disabled) ? disabled : []
  return names.flatMap((name) => (typeof name === 'string' ? [name.toLowerCase()] : []))
}
