/** Runs the real command line in a process of its own, and notes what it took. */
import { execFile } from 'node:child_process'
import type { Passed } from './replay-gate.ts'

/** One run of the command line. */
export interface Run {
  readonly what: string
  readonly exit: number
  /** Wall time of the whole process. Milliseconds. */
  readonly ms: number
  readonly requests: readonly Passed[]
  /** What `--json` printed. */
  readonly report: Report
}

/** The fields of any command's report that a replay looks at. */
export interface Report {
  readonly outcome?: string
  readonly version?: string
  readonly current?: { readonly version: string }
  readonly tokens?: { readonly canary: string; readonly stable: string }
  readonly files?: { readonly ci: string; readonly release: string }
  readonly root?: { readonly version: number; readonly sha256: string }
  readonly archive?: { readonly size: number; readonly reused: boolean }
  readonly error?: { readonly code: string; readonly message: string; readonly subject?: string }
}

export interface Setting {
  /** dist/cli/main.cjs */
  readonly program: string
  readonly environment: Readonly<Record<string, string>>
  readonly passed: readonly Passed[] | undefined
}

export class CommandLine {
  readonly runs: Run[] = []
  private readonly setting: Setting
  private readonly environment: NodeJS.ProcessEnv

  constructor(setting: Setting) {
    this.setting = setting
    // Nothing of whoever runs this may decide: no store, key or credentials but those of the replay.
    const inherited = Object.entries(process.env).filter(([name]) => !/^(SKILLSCTL|AWS|S3)_/.test(name))
    this.environment = {
      ...Object.fromEntries(inherited),
      AWS_EC2_METADATA_DISABLED: 'true',
      ...setting.environment,
    }
  }

  /** @param what the kind of work, under which its times are collected */
  async run(what: string, cwd: string, args: readonly string[]): Promise<Run> {
    const before = this.setting.passed?.length ?? 0
    const start = performance.now()
    const { exit, stdout, stderr } = await this.execute(cwd, ['--json', ...args])
    const ms = performance.now() - start
    const run = {
      what,
      exit,
      ms,
      requests: this.setting.passed?.slice(before) ?? [],
      report: parse(stdout, stderr),
    }
    this.runs.push(run)
    return run
  }

  /** What every time includes: starting Node and the program. */
  async start(cwd: string): Promise<void> {
    const start = performance.now()
    await this.execute(cwd, ['--version'])
    this.runs.push({ what: '--version', exit: 0, ms: performance.now() - start, requests: [], report: {} })
  }

  private execute(cwd: string, args: readonly string[]) {
    return new Promise<{ exit: number; stdout: string; stderr: string }>((resolve, reject) => {
      const options = { cwd, env: this.environment, maxBuffer: 2 ** 28 }
      const child = execFile(
        process.execPath,
        [this.setting.program, ...args],
        options,
        (error, stdout, stderr) => {
          if (child.exitCode === null) reject(error ?? new Error(`${args[1]} was killed`))
          else resolve({ exit: child.exitCode, stdout, stderr })
        },
      )
    })
  }
}

function parse(stdout: string, stderr: string): Report {
  try {
    return JSON.parse(stdout) as Report
  } catch (cause) {
    throw new Error(`not JSON: ${stdout.slice(0, 500)}\n${stderr.slice(0, 500)}`, { cause })
  }
}

/** Stops the replay unless the command ended as it should. @throws Error */
export function insist(run: Run, exit: number, ...outcomes: readonly string[]): Run {
  const { outcome } = run.report
  const fits = run.exit === exit && (outcomes.length === 0 || outcomes.includes(outcome ?? ''))
  if (fits) return run
  const wanted = `exit ${exit} ${outcomes.join(' or ')}`
  throw new Error(
    `${run.what}: wanted ${wanted}, got exit ${run.exit}: ${JSON.stringify(run.report, null, 2)}`,
  )
}
