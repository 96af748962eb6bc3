/** What the fuzzer is pointed at: one parser of bytes that somebody else wrote. */
import type { ErrorCode } from '../../src/core/errors.ts'

/** How bytes are best mutated: blindly, or so that they stay JSON, or a tar archive with right checksums. */
export type Format = 'bytes' | 'json' | 'tar.gz'

export interface Input {
  /** Tells the target what the bytes are; mutants keep it. */
  readonly kind: string
  readonly format: Format
  readonly bytes: Buffer
}

export interface Target {
  readonly name: string
  /** Every code with which it may refuse. Anything else that it throws is a finding. */
  readonly codes: readonly ErrorCode[]
  /** Inputs that are right; what is fuzzed starts from here. */
  readonly seeds: readonly Input[]
  /**
   * Parses, and checks what must hold of what was accepted.
   * @throws SkillsctlError when it refuses the input; anything else when a promise is broken
   */
  run(input: Input): void | Promise<void>
}

/** A promise that an input broke. */
export class BrokenPromise extends Error {}

export function insist(holds: boolean, promise: string): asserts holds {
  if (!holds) throw new BrokenPromise(promise)
}

export function json(kind: string, value: unknown): Input {
  return { kind, format: 'json', bytes: Buffer.from(JSON.stringify(value)) }
}

export function text(kind: string, value: string): Input {
  return { kind, format: 'bytes', bytes: Buffer.from(value) }
}
