/** The system calls of a real process, all its threads and children, as strace(1) saw them. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Call {
  readonly thread: number
  readonly name: string
  /** As strace writes them: `"/path"`, `21</path>`, `O_RDONLY|O_CLOEXEC`. */
  readonly args: readonly string[]
  /** Undefined when the process died in it. */
  readonly result: number | undefined
  /** Places in the order of all entries and exits: calls of two threads may overlap. */
  readonly begin: number
  readonly end: number
}

export interface Recorded {
  readonly exit: number | null
  readonly stderr: string
  readonly calls: readonly Call[]
}

/** Why nothing can be recorded here; undefined when it can. */
export function whyNoStrace(): string | undefined {
  const { status, error, stderr } = spawnSync('strace', [...OPTIONS, '-o', '/dev/null', 'true'], {
    encoding: 'utf8',
  })
  if (error !== undefined) return 'strace is not installed (apt-get install strace)'
  return status === 0 ? undefined : `strace may not trace here: ${stderr.trim()}`
}

/** `-y` names the file of each descriptor, so that nobody has to follow which thread has which of them open. */
const OPTIONS = ['-f', '--seccomp-bpf', '-qq', '-y', '-s', '0']

/** Runs Node with these arguments and records the named system calls. */
export async function record(
  names: readonly string[],
  args: readonly string[],
  { env = {}, cwd = tmpdir() }: { env?: Readonly<Record<string, string>>; cwd?: string } = {},
): Promise<Recorded> {
  const directory = await mkdtemp(join(tmpdir(), 'skillsctl-strace-'))
  try {
    const output = join(directory, 'calls')
    // Names that this machine does not have (open on arm64) are passed over.
    const trace = `trace=${names.map((name) => `?${name}`).join(',')}`
    // Set by strace itself, which has to be found before.
    const variables = Object.entries({ ...env, UV_USE_IO_URING: '0' }).flatMap(([name, value]) => [
      '-E',
      `${name}=${value}`,
    ])
    const command = [...variables, process.execPath, ...args]
    const child = spawn('strace', [...OPTIONS, '-o', output, '-e', trace, ...command], {
      cwd,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const exit = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', resolve)
    })
    return { exit, stderr, calls: parseCalls(await readFile(output, 'utf8')) }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const UNFINISHED = ' <unfinished ...>'
/** A process that was killed before strace could read which call it was entering: it has not entered it. */
const UNREAD = /^(?:syscall_0xf{8}[0-9a-f]{8}|\?\?\?)\(/
const RESUMED = /^<\.\.\. \w+ resumed>/
/** The end of one of those. */
const UNREAD_END = /^<\.\.\. \?\?\? resumed>/

/** Reads what `strace -f -o` wrote: a line for each call, or two when another thread came between. */
export function parseCalls(text: string): Call[] {
  const calls: Call[] = []
  const open = new Map<number, { text: string; begin: number }>()
  for (const [place, line] of text.split('\n').entries()) {
    const [, pid = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const thread = Number(pid)
    // Signals and ends of processes.
    if (rest === '' || rest.startsWith('---') || rest.startsWith('+++') || UNREAD.test(rest)) continue
    if (UNREAD_END.test(rest)) continue
    if (rest.endsWith(UNFINISHED)) {
      open.set(thread, { text: rest.slice(0, -UNFINISHED.length), begin: place })
    } else if (RESUMED.test(rest)) {
      const start = open.get(thread)
      if (start === undefined) throw new Error(`line ${place + 1} resumes nothing: ${line}`)
      open.delete(thread)
      calls.push(parseCall(thread, start.text + rest.replace(RESUMED, ''), start.begin, place))
    } else {
      calls.push(parseCall(thread, rest, place, place))
    }
  }
  for (const [thread, { text: start, begin }] of open) {
    calls.push(parseCall(thread, `${start}) = ?`, begin, Number.MAX_SAFE_INTEGER))
  }
  return calls.sort((left, right) => left.begin - right.begin)
}

function parseCall(thread: number, text: string, begin: number, end: number): Call {
  const [, name, list, result] = /^(\w+)\((.*)\) += (\?|-?\d+)/s.exec(text) ?? []
  if (name === undefined || list === undefined) throw new Error(`strace wrote what nobody can read: ${text}`)
  return {
    thread,
    name,
    args: splitArguments(list),
    result: result === '?' ? undefined : Number(result),
    begin,
    end,
  }
}

/** Splits at commas that are in no string, no bracket and no name of a descriptor. */
function splitArguments(list: string): string[] {
  const ARGUMENT = /(?:"(?:[^"\\]|\\.)*"|<[^>]*>|\{[^}]*\}|\[[^\]]*\]|[^,"<{[])+/g
  return [...list.matchAll(ARGUMENT)].map(([text]) => text.trim())
}

/** What one process did until it was killed, and then another. */
export function inTurn(first: readonly Call[], second: readonly Call[]): Call[] {
  const finished = first.filter(({ result }) => result !== undefined)
  const over = 1 + Math.max(...finished.map(({ end }) => end))
  return [
    // What was under way has happened or has not; after the kill nobody is at it any more.
    ...first.map((call) => (call.result === undefined ? { ...call, end: over } : call)),
    ...second.map((call) => ({ ...call, begin: call.begin + over + 1, end: call.end + over + 1 })),
  ]
}

/** The path in `"/path"`, or of the descriptor in `21</path>`. */
export function pathIn(argument: string | undefined): string | undefined {
  const [, quoted, named] = /^"(.*)"$|^(?:\d+|AT_FDCWD)<(.*)>$/s.exec(argument ?? '') ?? []
  const text = quoted ?? named
  return text === undefined ? undefined : decoded(text)
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', v: '\v', f: '\f' }

/** Octal escapes stand for the bytes of UTF-8. */
function decoded(text: string): string {
  const bytes = text.replace(/\\(?:([0-7]{1,3})|(.))/gs, (_, octal?: string, other = '') =>
    octal === undefined ? (ESCAPES[other] ?? other) : String.fromCharCode(Number.parseInt(octal, 8)),
  )
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
