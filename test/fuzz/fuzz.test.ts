/**
 * Fuzzes every parser of bytes that somebody else wrote: a second of each in `npm test`, with a fixed seed; as long as
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

/** Code under test is loaded only once coverage is counted. */
const TARGETS: Readonly<Record<string, () => Promise<Target>>> = {
  manifest: async () => (await import('./targets/manifest.ts')).manifestTarget(),
  channel: async () => (await import('./targets/channel.ts')).channelTarget(),
  token: async () => (await import('./targets/token.ts')).tokenTarget(),
  keys: async () => (await import('./targets/keys.ts')).keysTarget(),
  'publish-config': async () => (await import('./targets/publish-config.ts')).publishConfigTarget(),
  metadata: async () => (await import('./targets/metadata.ts')).metadataTarget(),
  approvals: async () => (await import('./targets/approvals.ts')).approvalsTarget(),
  archive: async () => (await import('./targets/archive.ts')).archiveTarget(),
  catchup: async () => (await import('./targets/catchup.ts')).catchupTarget(),
  home: async () => (await import('./targets/home.ts')).homeTarget(),
  responses: async () => (await import('./targets/responses.ts')).responsesTarget(),
  inspect: async () => (await import('./targets/inspect.ts')).inspectTarget(),
}

/** Seconds for each target; none in `npm test`, which counts executions instead. */
const SECONDS = Number(process.env['SKILLSCTL_FUZZ'] ?? 0)
const SEED = Number(process.env['SKILLSCTL_FUZZ_SEED'] ?? 1)
/** Executions in `npm test`, for targets that take microseconds and for those that touch a disk or a socket. */
const FEW = { fast: 400, slow: 80 }
const SLOW = ['approvals', 'catchup', 'archive', 'home', 'responses', 'inspect', 'metadata']
const FINDINGS = join(import.meta.dirname, '..', '..', 'build', 'fuzz')

describe.each(Object.keys(TARGETS))('%s', (name) => {
  const few = SLOW.includes(name) ? FEW.slow : FEW.fast

  test('whatever the bytes, it is read whole or refused with the right code', async () => {
    const coverage = SECONDS > 0 ? await counted() : undefined
    const target = await made(name)
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

async function made(name: string): Promise<Target> {
  const make = TARGETS[name]
  if (make === undefined) throw new Error(`no target is called ${name}`)
  return make()
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
