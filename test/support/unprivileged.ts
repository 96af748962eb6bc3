/** Runs tests again as a user that is not root: root may write and read everything and never notices. */
import { spawn } from 'node:child_process'
import { accessSync, chownSync, constants, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** `nobody` everywhere. */
const USER = 65534
/** Set in the inner run, so that it does not start another. */
const MARK = 'SKILLSCTL_TEST_UNPRIVILEGED'

export const isRoot = process.getuid?.() === 0

/** Whether an inner run makes sense here: we are root, and can become somebody else. */
export function canDropPrivileges(): boolean {
  return isRoot && process.env[MARK] === undefined && hasProgram('setpriv') && isOpenToOthers()
}

/**
 * Whether another user can start this Node with the files of this checkout. Not in a clone below a directory of
 * mode 700, as `mktemp -d` makes it, nor with a Node in root's own home.
 */
export function isOpenToOthers(): boolean {
  return [ROOT, process.execPath].every(isReachable)
}

function isReachable(path: string): boolean {
  const above = dirname(path)
  return (statSync(path).mode & 0o001) !== 0 && (above === path || isReachable(above))
}

function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

export interface InnerRun {
  readonly code: number | null
  /** Everything that it printed. */
  readonly output: string
}

/** Runs vitest over these paths as nobody, whose home and temp directory are its own. */
export async function runTestsUnprivileged(paths: readonly string[]): Promise<InnerRun> {
  const home = await mkdtemp(join(tmpdir(), 'unprivileged-'))
  chownSync(home, USER, USER)
  try {
    const identity = [`--reuid=${USER}`, `--regid=${USER}`, '--clear-groups']
    const vitest = [
      join(ROOT, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--configLoader=runner',
      '--no-cache',
      // One process for all of them: the outer run has two more at work, and shows that they do not depend on each other.
      '--no-isolate',
      '--maxWorkers=1',
      ...paths,
    ]
    const child = spawn('setpriv', [...identity, process.execPath, ...vitest], {
      cwd: ROOT,
      env: { ...withoutVitest(process.env), [MARK]: '1', NO_COLOR: '1', HOME: home, TMPDIR: home },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    return { code, output: Buffer.concat(output).toString('utf8') }
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

/** What a worker of vitest finds in its environment would mislead another vitest. */
function withoutVitest(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !/^(?:VITEST|TEST$|NODE_ENV$)/.test(name)),
  )
}
