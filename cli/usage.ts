/** What was wrong with a command line, said like every other error. */
import type { Command, CommanderError } from 'commander'
import { SkillsctlError } from '../src/core/errors.ts'
import { nearMisses } from '../src/core/near-misses.ts'

/** What people type who know another tool. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  update: 'pull',
  upgrade: 'pull',
  sync: 'pull',
  fetch: 'pull',
  install: 'join <token>',
  clone: 'join <token>',
  undo: 'rollback',
  push: 'publish',
  release: 'publish',
  deploy: 'publish',
  list: 'releases',
  ls: 'releases',
  log: 'history',
  info: 'status',
  diagnose: 'doctor',
  changes: 'edits',
  save: 'edits save',
  drop: 'edits drop <skill>',
  resolve: 'edits resolve <skill>',
  merge: 'edits resolve <skill>',
  bless: 'edits bless <skill>',
  repair: 'doctor --fix',
  explain: 'why <skill>',
  which: 'why <skill>',
  check: 'pull --check',
  follow: 'channel <name>',
  switch: 'channel <name>',
  key: 'keys',
  zip: 'export <skill> --zip',
  bundle: 'export <skill> --zip',
}

/** Not what every object has: somebody may type `constructor`. */
function otherWord(word: string): string | undefined {
  return Object.hasOwn(OTHER_WORDS, word) ? OTHER_WORDS[word] : undefined
}

/** @param args the command line that commander refused */
export function usageError(error: CommanderError, program: Command, args: readonly string[]): SkillsctlError {
  const command = addressed(program, args)
  const help = `${pathOf(command)} --help`
  // Commander was about to show the help of a command that only has commands.
  if (error.code === 'commander.help') {
    return new SkillsctlError('usage', 'which command?', {
      expected: command.commands.map((sub) => sub.name()).join(', '),
      hint: `see: ${help}`,
      cause: error,
    })
  }
  const mistyped = error.code === 'commander.excessArguments' ? notA(command, args) : undefined
  if (mistyped !== undefined) {
    const near = nearMisses(
      mistyped,
      command.commands.map((sub) => sub.name()),
    )
    return new SkillsctlError('usage', `unknown command '${mistyped}'`, {
      hint: near.length > 0 ? `did you mean ${near.join(' or ')}? see: ${help}` : `see: ${help}`,
      cause: error,
    })
  }
  const [first = '', ...rest] = error.message.split('\n')
  const suggestion = /^\(Did you mean (.+)\?\)$/.exec(rest.join(' '))?.[1]
  const other = error.code === 'commander.unknownCommand' ? otherWord(command.args[0] ?? '') : undefined
  const meant = suggestion ?? (other === undefined ? undefined : `${pathOf(command)} ${other}`)
  return new SkillsctlError('usage', first.replace(/^error: /, '').replace(/\.$/, ''), {
    hint: meant === undefined ? `see: ${help}` : `did you mean ${meant}? see: ${help}`,
    cause: error,
  })
}

/** Where a command has one that is meant when none is named, a mistyped one looks like an argument of it. */
function notA(command: Command, args: readonly string[]): string | undefined {
  if (command.commands.length === 0) return undefined
  return args.slice(args.indexOf(command.name()) + 1).find((word) => !word.startsWith('-'))
}

/** The command that the words of the command line lead to. */
function addressed(program: Command, args: readonly string[]): Command {
  let command = program
  for (const word of args) {
    command = command.commands.find((sub) => sub.name() === word) ?? command
  }
  return command
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}
