/** The only place that writes to the terminal. Data goes to stdout, everything else to stderr. */
import type { FlowEvent, SkillsctlError } from '../src/index.ts'

export interface Globals {
  readonly json: boolean
  readonly quiet: boolean
  readonly home: string | undefined
}

/** What a command has to say: one object for `--json`, lines for people, and how it ends. */
export interface Result {
  /** Undefined where stdout belongs to another program. */
  readonly data: object | undefined
  readonly text: readonly string[]
  /** What another program reads in place of `text`: bytes as they are, of which some may steer a terminal. */
  readonly raw?: Buffer | undefined
  readonly exit?: number
  /** A failure that the command reports beside its data. */
  readonly problem?: SkillsctlError | undefined
  /** What is done once the answer is out. */
  readonly afterwards?: (() => Promise<void>) | undefined
}

export class Output {
  private readonly globals: Globals
  private readonly colour: boolean
  private readonly draws: boolean
  private drawn = false

  constructor(globals: Globals) {
    this.globals = globals
    this.colour = hasColours(process.stderr)
    this.draws =
      process.stderr.isTTY === true && process.env['TERM'] !== 'dumb' && !globals.quiet && !globals.json
  }

  /** Shows events of a flow: warnings always, progress on a terminal only. */
  readonly event = (event: FlowEvent): void => {
    if (event.status === 'warning') this.warn(event.message ?? '')
    if (!this.draws) return
    if (event.status === 'start') this.draw(`${event.step} …`)
    if (event.status === 'progress' && event.total) {
      this.draw(`${event.step} ${formatBytes(event.bytes ?? 0)} of ${formatBytes(event.total)}`)
    }
  }

  warn(message: string): void {
    if (this.globals.quiet) return
    this.clear()
    process.stderr.write(`${this.paint('33', 'warning:')} ${visible(message)}\n`)
  }

  result({ data, text, raw, problem, exit = 0 }: Result): void {
    this.clear()
    if (this.globals.json) {
      if (data === undefined && problem === undefined) return
      const failure = problem === undefined ? {} : { error: problem.toJSON() }
      process.stdout.write(`${JSON.stringify({ ...data, ...failure }, null, 2)}\n`)
      return
    }
    if (!this.globals.quiet) {
      if (raw !== undefined && process.stdout.isTTY !== true) process.stdout.write(raw)
      else for (const line of text) process.stdout.write(`${line}\n`)
    }
    // Quiet and no failure (--best-effort): a cron job that has nothing to tell sends no mail.
    if (problem !== undefined && !(this.globals.quiet && exit === 0)) this.describe(problem)
  }

  error(error: SkillsctlError): void {
    this.clear()
    if (this.globals.json) process.stdout.write(`${JSON.stringify({ error: error.toJSON() }, null, 2)}\n`)
    else this.describe(error)
  }

  private describe({ message, subject, expected, found, hint }: SkillsctlError): void {
    const lines = [
      `${message}${subject === undefined ? '' : `: ${subject}`}`,
      ...(expected === undefined ? [] : [`  expected: ${expected}`]),
      ...(found === undefined ? [] : [`  found: ${found}`]),
      ...(hint === undefined ? [] : [`hint: ${hint}`]),
    ]
    process.stderr.write(`${this.paint('31', 'error:')} ${lines.map(visible).join('\n')}\n`)
  }

  private paint(code: string, text: string): string {
    return this.colour ? inColour(code, text) : text
  }

  private draw(text: string): void {
    process.stderr.write(`\r\u001b[K${text}`)
    this.drawn = true
  }

  private clear(): void {
    if (this.drawn) process.stderr.write('\r\u001b[K')
    this.drawn = false
  }
}

/** Whether what is written there may be coloured: on a terminal that can, for a person who has nothing against it. */
export function hasColours({ isTTY }: NodeJS.WriteStream): boolean {
  return isTTY === true && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb'
}

/** @param code of a colour in ECMA-48 */
export function inColour(code: string, text: string): string {
  return `\u001b[${code}m${text}\u001b[0m`
}

/** Characters. */
const LONGEST_LINE = 2_000

/** A name in a damaged file, or what a server calls its error, neither steers the terminal nor floods it. */
export function visible(text: string): string {
  const line = text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}…` : text
  return line.replace(
    /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** `999 B`, `12 kB`, `3.4 MB`: decimal units. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  const [unit, size] = bytes < 1e6 ? ['kB', 1e3] : bytes < 1e9 ? ['MB', 1e6] : ['GB', 1e9]
  const value = bytes / Number(size)
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`
}
