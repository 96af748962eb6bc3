/** Runs one input and says whether a promise was broken: a foreign error, too much time or memory, a polluted prototype. */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isError, type SkillsctlError } from '../../src/core/errors.ts'
import { BrokenPromise, type Input, insist, type Target } from './target.ts'

/** Processor time that one input may take. Milliseconds. */
const PATIENCE = 2_000
/** By which one small input may make the process grow; all of them together leave it what the engine keeps. Bytes. */
const MOST_MEMORY = 512 * 1024 ** 2
/** Nothing is said that did not come in. Characters. */
const LONGEST_MESSAGE = 1_000_000

export interface Finding {
  readonly problem: string
  readonly kind: string
  /** The input, base64. */
  readonly input: string
}

export class Judge {
  readonly #target: Target
  readonly #directory: string | undefined
  readonly #findings = new Map<string, Finding>()
  readonly #refused: Record<string, number> = {}
  readonly #prototypes = prototypes()
  executions = 0
  accepted = 0

  /** @param directory where findings are written as they come */
  constructor(target: Target, directory?: string) {
    this.#target = target
    this.#directory = directory
  }

  get findings(): readonly Finding[] {
    return [...this.#findings.values()]
  }

  /** Refusals by code. */
  get refused(): Readonly<Record<string, number>> {
    return this.#refused
  }

  async run(input: Input): Promise<void> {
    this.executions += 1
    const before = process.cpuUsage()
    const held = process.memoryUsage.rss()
    try {
      await this.#try(input)
      const { user, system } = process.cpuUsage(before)
      insist((user + system) / 1000 < PATIENCE, `takes less than ${PATIENCE} ms of processor time`)
      insist(process.memoryUsage.rss() - held < MOST_MEMORY, `takes less than ${MOST_MEMORY} bytes`)
      insist(prototypes() === this.#prototypes, 'leaves the prototypes alone')
    } catch (error) {
      this.#note(input, error)
    }
  }

  async #try(input: Input): Promise<void> {
    try {
      await this.#target.run(input)
      this.accepted += 1
    } catch (error) {
      if (!isError(error)) throw error
      checkRefusal(error, this.#target)
      this.#refused[error.code] = (this.#refused[error.code] ?? 0) + 1
    }
  }

  #note(input: Input, error: unknown): void {
    const problem = describe(error)
    const id = problem.replace(/\d+/g, 'N')
    if (this.#findings.has(id)) return
    const finding = { problem, kind: input.kind, input: input.bytes.toString('base64') }
    this.#findings.set(id, finding)
    if (this.#directory === undefined) return
    mkdirSync(this.#directory, { recursive: true })
    const name = createHash('sha256').update(id).digest('hex').slice(0, 12)
    writeFileSync(
      join(this.#directory, `${this.#target.name}-${name}.json`),
      `${JSON.stringify(finding, null, 2)}\n`,
    )
  }
}

function checkRefusal(error: SkillsctlError, { codes }: Target): void {
  insist(
    codes.includes(error.code),
    `refuses with ${codes.join(', ')}, not with ${error.code}: ${error.message}`,
  )
  const fields = error.toJSON()
  insist(
    Object.values(fields).every((field) => typeof field === 'string' && field.length < LONGEST_MESSAGE),
    `says in bearable strings why it refuses (${error.message})`,
  )
}

/** What somebody may have added to the objects that everything inherits from. */
function prototypes(): string {
  return [Object, Array, Function, String, Number, Map, Error, Buffer, Promise]
    .map(({ prototype }) => Reflect.ownKeys(prototype).length)
    .join(' ')
}

function describe(error: unknown): string {
  if (error instanceof BrokenPromise) return error.message
  if (!(error instanceof Error)) return `throws ${typeof error}`
  const place = error.stack?.split('\n').find((line) => /\/(?:src|targets)\//.test(line)) ?? ''
  return `${error.name}: ${error.message.slice(0, 200)} ${place.trim().replace(/\(?(?:file:\/\/)?\/\S*\/(src|test)\//, '$1/')}`
}
