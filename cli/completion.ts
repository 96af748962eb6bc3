/** Completion scripts, made from the commands themselves so that they cannot fall behind. */
import type { Command } from 'commander'

/** @returns undefined for a shell that we do not know */
export function completionScript(program: Command, shell: string): string | undefined {
  const commands = flatten(program)
  if (shell === 'bash') return bash(commands)
  if (shell === 'zsh') return `autoload -U +X bashcompinit && bashcompinit\n${bash(commands)}`
  if (shell === 'fish') return fish(commands)
  return undefined
}

interface Known {
  /** `publish`, `keys add`; empty for the program itself. */
  readonly path: string
  readonly description: string
  /** Subcommands and long flags that may follow. */
  readonly words: readonly string[]
}

/** Arguments that are words of ours. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  channel: ['canary', 'stable'],
  promote: ['canary', 'stable'],
  revert: ['canary', 'stable'],
  completion: ['bash', 'zsh', 'fish'],
  'keys add': ['canary', 'stable', 'drafts'],
}

function flatten(command: Command, path = ''): Known[] {
  const flags = command.options.flatMap(({ long, hidden }) => (long && !hidden ? [long] : []))
  const names = command.commands.map((sub) => sub.name())
  const values = VALUES[path] ?? []
  const own = { path, description: command.description(), words: [...names, ...values, ...flags, '--help'] }
  return [own, ...command.commands.flatMap((sub) => flatten(sub, `${path} ${sub.name()}`.trim()))]
}

function bash(commands: readonly Known[]): string {
  const cases = commands.map(({ path, words }) => `    "${path}") words="${words.join(' ')}" ;;`)
  const known = commands.flatMap(({ path }) => (path === '' ? [] : [`"${path}"`])).join('|')
  return `_skillsctl() {
  local path="" word words
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in ${known}) path="\${path:+$path }$word" ;; esac
  done
  case "$path" in
${cases.join('\n')}
    *) words="" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _skillsctl skillsctl`
}

function fish(commands: readonly Known[]): string {
  const lines = commands.flatMap(({ path, words }) => {
    const parts = path.split(' ').filter((name) => name !== '')
    const seen = parts.map((name) => `__fish_seen_subcommand_from ${name}`).join('; and ')
    const condition = seen === '' ? '__fish_use_subcommand' : seen
    return words.map((word) =>
      word.startsWith('--')
        ? `complete -c skillsctl -n '${condition}' -l ${word.slice(2)}`
        : `complete -c skillsctl -f -n '${condition}' -a ${word}`,
    )
  })
  return lines.join('\n')
}
