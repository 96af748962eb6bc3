import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { execute, run } from '../support/cli.ts'

describe('completion', () => {
  let directory: string
  let script: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'skillsctl-completion-'))
    script = join(directory, 'skillsctl.bash')
    await writeFile(script, (await run(['completion', 'bash'])).stdout)
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  /** What bash offers for the last of these words. */
  async function offers(line: string): Promise<string[]> {
    const words = line.split(' ').map((word) => `'${word}'`)
    const code = [
      `source '${script}'`,
      // As programmable completion does it: the function that `complete` has registered for the command.
      'name=$(complete -p skillsctl | sed "s/.*-F \\([^ ]*\\).*/\\1/")',
      `COMP_WORDS=(${words.join(' ')}) COMP_CWORD=${words.length - 1}`,
      '"$name"',
      `printf "%s\\n" "\${COMPREPLY[@]}"`,
    ]
    const { exit, stdout, stderr } = await execute('bash', ['--norc', '-c', code.join('\n')])
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    return stdout.trim().split('\n')
  }

  it('is a script that bash can read', async () => {
    expect(await execute('bash', ['-n', script])).toMatchObject({ exit: 0, stderr: '' })
  })

  it.concurrent.each([
    ['skillsctl pu', ['pull', 'publish']],
    ['skillsctl pull --be', ['--best-effort']],
    ['skillsctl --home /somewhere pu', ['pull', 'publish']],
    ['skillsctl keys ro', ['rotate']],
    ['skillsctl keys rotate --root-k', ['--root-key']],
    ['skillsctl promote canary st', ['stable']],
    ['skillsctl completion ', ['bash', 'zsh', 'fish', '--help']],
  ])('completes %s', async (line, expected) => {
    expect(await offers(line)).toEqual(expected)
  })

  it('comes for zsh and fish too', async () => {
    const [zsh, fish] = await Promise.all([run(['completion', 'zsh']), run(['completion', 'fish'])])
    expect(zsh.stdout).toMatch(/^autoload .*bashcompinit/)
    expect(fish.stdout).toContain("complete -c skillsctl -f -n '__fish_use_subcommand' -a pull")
    expect(fish.stdout).toContain('-l best-effort')
  })
})
