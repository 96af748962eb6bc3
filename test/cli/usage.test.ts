import { describe, expect, it } from 'vitest'
import { buildProgram } from '../../cli/program.ts'
import { run } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'

/** `publish`, `keys add`: every command there is. */
function commands(): string[][] {
  return buildProgram('0.0.0').commands.flatMap((command) =>
    command.commands.length === 0
      ? [[command.name()]]
      : [[command.name()], ...command.commands.map((sub) => [command.name(), sub.name()])],
  )
}

describe('help', () => {
  it.each(commands())('%s %s fits a terminal and ends with examples', async (...words) => {
    const { exit, stdout, stderr } = await runHere([...words.filter((word) => word !== undefined), '--help'])
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    expect(stdout).toMatch(/\nExamples:\n( {2}.+\n)+$/)
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    expect(stdout.split('\n').length).toBeLessThan(45)
  })

  it('lists every command on one screen, one line each', async () => {
    const { exit, stdout } = await run(['--help'])
    expect(exit).toBe(0)
    const lines = stdout.split('\n')
    expect(lines.length).toBeLessThan(60)
    expect(lines.filter((line) => line.length > 80)).toEqual([])
    for (const { name, description } of buildProgram('0.0.0').commands.map((command) => ({
      name: command.name(),
      description: command.description(),
    })))
      expect(lines.find((line) => line.startsWith(`  ${name}`))).toContain(description)
  })

  it('is reached by `help` as well', async () => {
    const [spelled, flag] = await Promise.all([run(['help', 'pull']), run(['pull', '--help'])])
    expect(spelled).toEqual(flag)
  })

  it('is of all commands when it is asked for before one', async () => {
    const [before, all] = await Promise.all([run(['-h', 'pull']), run(['--help'])])
    expect(before).toEqual(all)
  })

  it('goes to stderr, with exit 2, where a command was expected', async () => {
    const results = await Promise.all([run([]), run(['keys'])])
    for (const { exit, stdout, stderr } of results) {
      expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' })
      expect(stderr).toMatch(/^Usage: skillsctl/)
    }
  })
})

describe('a command line with a mistake', () => {
  const CASES: [line: string, message: string, hint: string][] = [
    ['pul', "unknown command 'pul'", 'did you mean pull?'],
    ['statsu', "unknown command 'statsu'", 'did you mean status?'],
    ['update', "unknown command 'update'", 'did you mean skillsctl pull?'],
    ['deploy', "unknown command 'deploy'", 'did you mean skillsctl publish?'],
    ['xyzzy', "unknown command 'xyzzy'", 'see: skillsctl --help'],
    ['try drafts/a --fro 2h', "unknown option '--fro'", 'did you mean --for? see: skillsctl try --help'],
    ['try drafts/a --for long', "'long' is invalid. Give a number and a unit", 'see: skillsctl try --help'],
    ['constructor', "unknown command 'constructor'", 'see: skillsctl --help'],
    ['__proto__', "unknown command '__proto__'", 'see: skillsctl --help'],
    ['keys rotat', "unknown command 'rotat'", 'did you mean rotate? see: skillsctl keys --help'],
    ['edits dorp review', "unknown command 'dorp'", 'did you mean drop? see: skillsctl edits --help'],
    ['pull --chek', "unknown option '--chek'", 'did you mean --check? see: skillsctl pull --help'],
    ['--jsno status', "unknown option '--jsno'", 'did you mean --json?'],
    ['pull now', "too many arguments for 'pull'. Expected 0 arguments but got 1", 'skillsctl pull --help'],
    ['join', "missing required argument 'token-or-url'", 'see: skillsctl join --help'],
    ['promote canary', "missing required argument 'channel'", 'see: skillsctl promote --help'],
    ['pull --require-fresh soon', "'soon' is invalid. Give a number and a unit", 'skillsctl pull --help'],
    ['releases --limit 0', "'0' is invalid. Give a whole number", 'see: skillsctl releases --help'],
    ['status --home', "option '--home <directory>' argument missing", 'see: skillsctl status --help'],
  ]

  it.each(CASES)('%s: says what, suggests, exits 2', async (line, message, hint) => {
    const { exit, stdout, stderr } = await runHere(line.split(' '))
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' })
    const [first = '', ...rest] = stderr.trimEnd().split('\n')
    expect(first).toMatch(/^error: /)
    expect(first).toContain(message)
    expect(rest.join('\n')).toMatch(/^hint: /)
    expect(rest.join('\n')).toContain(hint)
  })

  it.each(CASES)('%s --json: the same as one object', async (line, message, hint) => {
    // Before the mistake: behind an option that wants a value it would be that value.
    const { exit, stdout, stderr } = await runHere(['--json', ...line.split(' ')])
    expect({ exit, stderr }).toEqual({ exit: 2, stderr: '' })
    const { error, ...rest } = JSON.parse(stdout)
    expect(rest).toEqual({})
    expect(error).toMatchObject({ code: 'usage', message: expect.stringContaining(message) })
    expect(error.hint).toContain(hint)
  })
})
