/** A program in a terminal that a test types into: a tmux of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { execute } from '../support/cli.ts'

export class Terminal {
  readonly #directory: string

  private constructor(directory: string) {
    this.#directory = directory
  }

  static async start(
    command: readonly string[],
    { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  ): Promise<Terminal> {
    const terminal = new Terminal(await mkdtemp(join(tmpdir(), 'skillsctl-tmux-')))
    const bare = [
      'env',
      '-i',
      'TERM=xterm-256color',
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ]
    await terminal.#tmux('new-session', '-d', '-x', '200', '-y', '50', '-c', cwd, ...bare, ...command)
    return terminal
  }

  async #tmux(...args: string[]): Promise<string> {
    const ran = await execute('tmux', ['-S', join(this.#directory, 'socket'), '-f', '/dev/null', ...args])
    if (ran.exit !== 0) throw new Error(`tmux ${args[0]}: ${ran.stderr}`)
    return ran.stdout
  }

  screen(): Promise<string> {
    return this.#tmux('capture-pane', '-p')
  }

  async type(text: string): Promise<void> {
    await this.#tmux('send-keys', '-l', text)
    await this.#tmux('send-keys', 'Enter')
  }

  async shows(text: string): Promise<void> {
    await vi.waitFor(
      async () => {
        const screen = await this.screen()
        if (!screen.includes(text)) throw new Error(`the terminal does not show ${text}:\n${screen}`)
      },
      { timeout: 60_000, interval: 100 },
    )
  }

  /** Until the program has ended by itself. */
  async ended(): Promise<void> {
    await vi.waitFor(
      async () => {
        const { exit } = await execute('tmux', ['-S', join(this.#directory, 'socket'), 'has-session'])
        if (exit === 0) throw new Error(`the program is still there:\n${await this.screen()}`)
      },
      { timeout: 60_000, interval: 100 },
    )
  }

  async close(): Promise<void> {
    await execute('tmux', ['-S', join(this.#directory, 'socket'), 'kill-server'])
    await rm(this.#directory, { recursive: true, force: true })
  }
}
