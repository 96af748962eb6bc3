/** Everything that a team does, as steps of a random run. */
import type { ErrorCode } from '../../src/core/errors.ts'
import type { MachineContext } from '../../src/flows/machine.ts'
import {
  collectGarbage,
  followChannel,
  join,
  layoutOf,
  listKeys,
  type PublisherContext,
  pin,
  prepareStandby,
  promote,
  pull,
  releases,
  renew,
  renewRoot,
  revert,
  rollback,
  unpin,
  verify,
} from '../../src/index.ts'
import { CANARY, DRAFT, STABLE } from '../support/team.ts'
import type { Round } from './world.ts'

interface Hands {
  readonly machine: MachineContext
  readonly publisher: PublisherContext
}

export interface Operation {
  readonly name: string
  readonly side: 'machine' | 'publisher'
  /** Codes that it may end with although nothing went wrong: the dice ask for what makes no sense. */
  readonly may: readonly ErrorCode[]
  /** @returns the problem that it reports instead of throwing it */
  run(hands: Hands, round: Round): Promise<unknown>
}

const yes = async (): Promise<boolean> => true

const anyVersion = ({ world, dice }: Round): string => dice.pick(world.releases).version

const MACHINE: readonly Omit<Operation, 'side'>[] = [
  { name: 'pull', may: [], run: async ({ machine }) => (await pull(machine)).problem },
  { name: 'prepare', may: [], run: async ({ machine }) => void (await prepareStandby(machine, 0)) },
  { name: 'check', may: [], run: async ({ machine }) => (await pull(machine, { check: true })).problem },
  { name: 'rollback', may: ['absent'], run: async ({ machine }) => void (await rollback(machine)) },
  {
    name: 'rollback to',
    may: ['absent'],
    run: async ({ machine }, round) => void (await rollback(machine, anyVersion(round))),
  },
  {
    name: 'pin',
    may: ['absent'],
    run: async ({ machine }, round) =>
      void (await pin(machine, round.dice.chance(0.5) ? undefined : anyVersion(round))),
  },
  { name: 'unpin', may: [], run: async ({ machine }) => void (await unpin(machine)) },
  {
    name: 'follow',
    may: ['absent'],
    run: async ({ machine }, { dice }) =>
      (await followChannel(machine, dice.pick(['canary', 'stable', 'drafts/idea']), yes)).pull.problem,
  },
  {
    name: 'repair',
    may: ['absent'],
    run: async ({ machine }) => void (await verify(machine, { repair: true })),
  },
  {
    name: 'join',
    may: [],
    run: async ({ machine }, { home, token }) => {
      const newcomer = { ...machine, layout: layoutOf(`${home}-newcomer`) }
      return (await join(newcomer, token)).pull.problem
    },
  },
]

const PUBLISHER: readonly Omit<Operation, 'side'>[] = [
  {
    name: 'publish',
    may: [],
    run: async ({ publisher }, round) =>
      void (await round.publish(publisher, round.dice.pick(round.world.releases).commit)),
  },
  {
    name: 'publish draft',
    may: [],
    run: async ({ publisher }, round) =>
      void (await round.publish(publisher, round.dice.pick(round.world.releases).commit, DRAFT)),
  },
  {
    name: 'promote',
    may: [],
    run: async ({ publisher }) => void (await promote(publisher, 'canary', STABLE, yes)),
  },
  {
    name: 'promote one',
    may: ['refused', 'absent'],
    run: async ({ publisher }, round) => void (await promote(publisher, anyVersion(round), STABLE, yes)),
  },
  {
    name: 'revert',
    may: ['absent'],
    run: async ({ publisher }, { dice }) =>
      void (await revert(publisher, dice.pick([CANARY, STABLE]), undefined, yes)),
  },
  {
    name: 'revert to',
    may: ['absent'],
    run: async ({ publisher }, round) =>
      void (await revert(publisher, round.dice.pick([CANARY, STABLE]), anyVersion(round), yes)),
  },
  { name: 'gc', may: [], run: async ({ publisher }) => void (await collectGarbage(publisher)) },
  { name: 'renew', may: [], run: async ({ publisher }) => void (await renew(publisher)) },
  { name: 'renew root', may: [], run: async ({ publisher }) => void (await renewRoot(publisher)) },
  { name: 'list keys', may: [], run: async ({ publisher }) => void (await listKeys(publisher)) },
  {
    name: 'releases',
    may: [],
    run: async ({ publisher }) =>
      void (await releases({ ...publisher, channel: CANARY, limit: 1000, now: publisher.clock() })),
  },
]

export const OPERATIONS: readonly Operation[] = [
  ...MACHINE.map((operation) => ({ ...operation, side: 'machine' as const })),
  ...PUBLISHER.map((operation) => ({ ...operation, side: 'publisher' as const })),
]
