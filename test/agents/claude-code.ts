/** Claude Code from the registry, as one person starts it; what it tells its model is in `api`. */
import { join } from 'node:path'
import { execute, type Ran } from '../support/cli.ts'
import type { Asked, MessagesApi } from './messages-api.ts'
import { programOf } from './registry.ts'
import { Terminal } from './terminal.ts'
import type { TestUser } from './user.ts'

const KEY = 'dummydummydummydummy'
const PROGRAM = programOf('@anthropic-ai/claude-code', 'claude')
export const CLAUDE_CODE = PROGRAM.version

export interface StartOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export class ClaudeCode {
  readonly #api: MessagesApi
  readonly #user: TestUser

  constructor(api: MessagesApi, user: TestUser) {
    this.#api = api
    this.#user = user
  }

  #environment(env: StartOptions['env'] = {}): Record<string, string> {
    return {
      PATH: `${join(process.execPath, '..')}:/usr/bin:/bin`,
      HOME: this.#user.home,
      ANTHROPIC_BASE_URL: this.#api.url,
      ANTHROPIC_API_KEY: KEY,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_TELEMETRY: '1',
      DISABLE_AUTOUPDATER: '1',
      ...env,
    }
  }

  /** One prompt without a terminal. @returns its first request */
  async print(prompt: string, { args = [], env }: StartOptions = {}): Promise<Asked> {
    const before = this.#api.asked.length
    const flags = ['-p', prompt, '--allowedTools', 'Skill', 'Bash', ...args]
    const ran: Ran = await execute(PROGRAM.path, flags, {
      cwd: this.#user.project,
      env: this.#environment(env),
    })
    const first = this.#api.asked[before]
    if (ran.exit === 0 && first !== undefined) return first
    throw new Error(`Claude Code ended with ${ran.exit}: ${ran.stdout}${ran.stderr}`)
  }

  /** A session in a terminal, ready for its first prompt. */
  async open({ args = [], env }: StartOptions = {}): Promise<Terminal> {
    const trusted = { hasTrustDialogAccepted: true }
    const settled = {
      hasCompletedOnboarding: true,
      theme: 'dark',
      customApiKeyResponses: { approved: [KEY] },
      projects: { [this.#user.project]: trusted },
    }
    await this.#user.write({ '.claude.json': JSON.stringify(settled) })
    const terminal = await Terminal.start([PROGRAM.path, '--allowedTools', 'Skill', 'Bash', ...args], {
      cwd: this.#user.project,
      env: this.#environment(env),
    })
    await terminal.shows('❯')
    return terminal
  }
}
