/** The weather clears: the next clean run of everybody succeeds, and nothing is left of the trouble. */
import { lutimes, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { readConfig } from '../../src/home/config.ts'
import { layoutOf } from '../../src/home/layout.ts'
import { readState } from '../../src/home/state.ts'
import {
  join as joinRepository,
  parseChannel,
  pull,
  releases,
  renew,
  renewRoot,
  unpin,
} from '../../src/index.ts'
import { expectHistoryConsistent, expectNoDebris, whatRuns } from '../crash/invariant.ts'
import { LyingStore } from '../support/lying-store.ts'
import { DAY } from '../support/team.ts'
import { stillThere, trustedVersions } from './promises.ts'
import type { Round } from './world.ts'

export async function expectRecovery(round: Round): Promise<void> {
  const { home, dice } = round
  await minutesPass(home)
  await signAnew(round)
  const { problem } = await pull(round.machine())
  expect(problem, 'the next clean pull').toBeUndefined()
  await expectRunsWhatItShould(round)
  await expectCheap(round)
  // One each time: together they would cost more than the run itself.
  await dice.pick([expectRootIsFollowed, expectPublishingWorks, expectNewcomerCanJoin])(round)
  await expectNoDebris(home)
  await expectHistoryConsistent(home)
}

/** A publisher whose clock went wrong may have signed what has expired; those whose clocks are right mend that. */
export async function signAnew(round: Round): Promise<void> {
  if (round.isSignedLate) await renewRoot(round.publisher())
  await renew(round.publisher())
}

/** What is set up right now, as far as others can tell, is debris some minutes later. */
export async function minutesPass(home: string): Promise<void> {
  const { staging, lock } = layoutOf(home)
  const then = new Date(Date.now() - 10 * 60_000)
  const paths = [lock, ...(await readdir(staging).catch(() => [])).map((name) => join(staging, name))]
  for (const path of paths) await lutimes(path, then, then).catch(() => {})
}

async function expectPublishingWorks(round: Round): Promise<void> {
  const newest = round.world.releases.at(-1)
  if (newest === undefined) throw new Error('nothing was committed')
  const { outcome } = await round.publish(round.publisher(), newest.commit)
  expect(['published', 'unchanged', 'superseded'], 'the next clean publish').toContain(outcome)
  await unpin(round.machine())
  expect((await pull(round.machine())).problem, 'a pull of what was published then').toBeUndefined()
  await expectRunsWhatItShould(round)
}

/** The release it is pinned to, or else the head of its channel, byte for byte. */
async function expectRunsWhatItShould(round: Round): Promise<void> {
  const layout = layoutOf(round.home)
  const [config, state] = [await readConfig(layout), await readState(layout)]
  const channel = parseChannel(config?.channel ?? '')
  const [head] = await releases({ ...round.publisher(), channel, limit: 1, now: round.clock.now() })
  // A draft that is gone leaves its followers with what they run.
  const wanted = state.pin?.manifest ?? head?.manifest.sha256
  const runs = await whatRuns(round.home, round.world.releases, await stillThere(round.home, round.edits))
  if (wanted !== undefined) expect(runs.manifest, `what runs on ${channel.name}`).toBe(wanted)
}

/** Promise 8: an unchanged repository costs one conditional request. */
async function expectCheap(round: Round): Promise<void> {
  const counted = new LyingStore(round.store)
  await pull(round.machine(round.home, counted))
  expect(counted.log, 'requests of a pull that finds nothing new').toEqual(['get metadata/timestamp.json'])
}

/** However wrong clocks were: a newer root is known at most a day later. */
async function expectRootIsFollowed(round: Round): Promise<void> {
  const { root } = await renewRoot(round.publisher())
  round.clock.pass(DAY + 1)
  await pull(round.machine())
  expect((await trustedVersions(round.home)).get('root.json'), 'the trusted root').toBe(root.version)
}

async function expectNewcomerCanJoin(round: Round): Promise<void> {
  const home = `${round.home}-late`
  try {
    const report = await joinRepository(round.machine(home), round.token)
    expect(report.pull.problem, 'the first pull of a new machine').toBeUndefined()
    await whatRuns(home, round.world.releases)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}
