/** The loop of the fuzzer: choose an input, mutate it, run it, keep it when it reached something new. */
import type { Coverage } from './coverage.ts'
import type { Judge } from './judge.ts'
import { mutateBytes } from './mutate-bytes.ts'
import { mutateJson } from './mutate-json.ts'
import { mutateTar } from './mutate-tar.ts'
import { Random } from './random.ts'
import type { Input, Target } from './target.ts'

/** Coverage is asked for once for so many inputs. */
const BATCH = 40
const MOST_INPUTS = 4_000
/** Longer mutants only cost time. Bytes. */
const LONGEST = 256 * 1024

export interface FuzzOptions {
  readonly seed: number
  /** Asked before each input, or batch of inputs. */
  readonly isDone: (executions: number) => boolean
  readonly coverage?: Coverage | undefined
}

/** @returns how many inputs there are at the end, those that reached something new included */
export async function fuzz(
  target: Target,
  judge: Judge,
  { seed, isDone, coverage }: FuzzOptions,
): Promise<number> {
  const random = new Random(seed)
  const corpus = [...target.seeds]
  for (const input of target.seeds) await judge.run(input)
  coverage?.note(await coverage.fresh())
  while (!isDone(judge.executions)) {
    const batch = Array.from({ length: coverage === undefined ? 1 : BATCH }, () => mutant(corpus, random))
    for (const input of batch) await judge.run(input)
    const fresh = (await coverage?.fresh()) ?? []
    if (coverage !== undefined && fresh.length > 0) {
      // Who of them it was shows in a second run, each alone.
      for (const input of batch) {
        await judge.run(input)
        const own = await coverage.fresh()
        coverage.note(own)
        if (own.length > 0 && corpus.length < MOST_INPUTS) corpus.push(input)
      }
      coverage.note(fresh)
    }
  }
  return corpus.length
}

function mutant(corpus: readonly Input[], random: Random): Input {
  const parent = random.pick(corpus)
  const other = random.pick(corpus).bytes
  let { bytes } = parent
  for (let count = 1 + random.size(3); count > 0; count--) bytes = mutate(parent, bytes, random, other)
  return bytes.length > LONGEST ? parent : { ...parent, bytes }
}

function mutate({ format }: Input, bytes: Buffer, random: Random, other: Buffer): Buffer {
  if (format === 'tar.gz') return mutateTar(bytes, random, other)
  const changed = format === 'json' && !random.oneIn(5) ? mutateJson(bytes, random) : undefined
  return changed ?? mutateBytes(bytes, random, other)
}
