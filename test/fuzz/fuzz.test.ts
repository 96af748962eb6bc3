/**
 * Fuzzes every parser of bytes that somebody else wrote: a few executions of each in `npm test`, with a fixed seed; as long as
 * SKILLSCTL_FUZZ says (seconds for each) with `npm run test:fuzz`.
 */
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { inputsLike } from './arbitrary.ts'
import { Coverage } from './coverage.ts'
import { fuzz } from './engine.ts'
import { Judge } from './judge.ts'
import type { Target } from './target.ts'

interface Candidate {
  /** Code under test is loaded only once coverage is counted. */
  readonly make: () => Promise<Target>
  /** Executions in `npm test`: many for what takes microseconds, few for what touches a disk or a socket. */
  readonly few: number
}

const TARGETS: Readonly<Record<string, Candidate>> = {
  manifest: { make: async () => (await import('./targets/manifest.ts')).manifestTarget(), few: 200 },
  channel: { make: async () => (await import('./targets/channel.ts')).channelTarget(), few: 200 },
  token: { make: async () => (await import('./targets/token.ts')).tokenTarget(), few: 40 },
  keys: { make: async () => (await import('./targets/keys.ts')).keysTarget(), few: 40 },
  'publish-config': {
    make: async () => (await import('./targets/publish-config.ts')).publishConfigTarget(),
    few: 200,
  },
  metadata: { make: async () => (await import('./targets/metadata.ts')).metadataTarget(), few: 20 },
  approvals: { make: async () => (await import('./targets/approvals.ts')).approvalsTarget(), few: 10 },
  archive: { make: async () => (await import('./targets/archive.ts')).archiveTarget(), few: 16 },
  catchup: { make: async () => (await import('./targets/catchup.ts')).catchupTarget(), few: 10 },
  home: { make: async () => (await import('./targets/home.ts')).homeTarget(), few: 10 },
  responses: { make: async () => (await import('./targets/responses.ts')).responsesTarget(), few: 20 },
  inspect: { make: async () => (await import('./targets/inspect.ts')).inspectTarget(), few: 10 },
}

/** Seconds for each target; none in `npm test`, which counts executions instead. */
const SECONDS = Number(process.env['SKILLSCTL_FUZZ'] ?? 0)
const SEED = Number(process.env['SKILLSCTL_FUZZ_SEED'] ?? 1)
const FINDINGS = join(import.meta.dirname, '..', '..', 'build', 'fuzz')

describe.each(Object.entries(TARGETS))('%s', (name, { make, few }) => {
  test('whatever the bytes, it is read whole or refused with the right code', async () => {
    const coverage = SECONDS > 0 ? await counted() : undefined
    const target = await make()
    const judge = new Judge(target, SECONDS > 0 ? FINDINGS : undefined)
    const end = performance.now() + SECONDS * 750
    const isDone = (executions: number): boolean =>
      SECONDS > 0 ? performance.now() > end : executions >= few
    const corpus = await fuzz(target, judge, { seed: SEED, isDone, coverage })
    await properties(target, judge, few)
    if (SECONDS > 0) report(name, judge, corpus)
    expect(judge.findings).toEqual([])
  })
})

/** A quarter of the time goes to inputs that fast-check makes. */
async function properties(target: Target, judge: Judge, few: number): Promise<void> {
  const inputs = inputsLike(target.seeds)
  const end = performance.now() + SECONDS * 250
  for (let round = 0; round === 0 || performance.now() < end; round++) {
    const numRuns = Math.ceil(few / 4)
    await fc.assert(
      fc.asyncProperty(inputs, (input) => judge.run(input)),
      { seed: SEED + round, numRuns },
    )
  }
}

async function counted(): Promise<Coverage> {
  const coverage = new Coverage()
  await coverage.start()
  onTestFinished(() => coverage.stop())
  return coverage
}

function report(name: string, { executions, accepted, refused, findings }: Judge, corpus: number): void {
  const codes = Object.entries(refused).map(([code, count]) => `${code} ${count}`)
  console.log(
    [
      `${name}: ${executions} executions, ${accepted} accepted, ${codes.join(', ')}`,
      `${corpus} inputs kept`,
      `${findings.length} findings`,
    ].join('; '),
  )
}
