#!/usr/bin/env node
/**
 * The hook of an agent, a program of its own so that it starts at once: `main.cjs <surface> [--home <directory>]`. It
 * reads what the agent says on stdin, answers on stdout when there is something to say, and never fails: whatever
 * happens, it ends with 0, says nothing on stderr and leaves a line in the log.
 */
import { writeSync } from 'node:fs'
import { SkillsctlError } from '../src/core/errors.ts'
import type { FlowEvent } from '../src/core/events.ts'
import { staleness, type UpdateState } from '../src/core/staleness.ts'
import { isTriedOn } from '../src/core/trial.ts'
import { callingProcess } from '../src/disk/caller.ts'
import { beginSession, endSession } from '../src/flows/session.ts'
import { defaultHome } from '../src/home/default-home.ts'
import { type Layout, layoutOf } from '../src/home/layout.ts'
import { note } from '../src/home/log.ts'
import { readState } from '../src/home/state.ts'
import { pointerOf } from '../src/surfaces/pointer.ts'
import type { Settled } from '../src/surfaces/settle.ts'
import { announceMove } from './announce.ts'
import { asFailure } from './failure.ts'
import { type HookInput, readInput } from './hook-input.ts'

/** An agent kills its hook after some seconds, and then nobody would know why. Milliseconds. */
const LONGEST = 4000
/** Why a session ends when its process carries on with another. */
const GOES_ON: ReadonlySet<string | undefined> = new Set(['clear', 'resume'])

void main(process.argv.slice(2))

async function main(args: string[]): Promise<void> {
  let log = (_problem: unknown): void => {}
  try {
    const { surface, layout } = readArguments(args)
    log = (problem) => note(layout, `hook ${surface}`, describe(problem), Date.now())
    const giveUp = (problem: unknown): void => {
      log(problem)
      process.exit(0)
    }
    process.on('uncaughtException', giveUp)
    setTimeout(() => giveUp('gave up: this takes too long'), LONGEST)
    const answer = await answerTo(await readInput(process.stdin), surface, layout, log)
    if (answer !== undefined) writeSync(1, `${JSON.stringify(answer)}\n`)
  } catch (error) {
    log(error)
  }
  // Whatever is still open, stdin for one, keeps nobody waiting.
  process.exit(0)
}

/** An agent's settings hold what `surface hook --install` wrote, so that nothing cleverer is needed. */
function readArguments([surface = '', flag, home]: string[]): { surface: string; layout: Layout } {
  const isNamed = flag === '--home' && home !== undefined
  return { surface, layout: layoutOf(isNamed ? home : defaultHome(process.env)) }
}

/** @returns what is printed, if anything */
async function answerTo(
  { event, session: id, source, reason }: HookInput,
  surface: string,
  layout: Layout,
  log: (problem: unknown) => void,
): Promise<object | undefined> {
  const emit = ({ status, message }: FlowEvent): void => {
    if (status === 'warning' && message !== undefined) log(message)
  }
  const context = { layout, now: Date.now, emit, by: 'skillsctl hook' }
  if (event === 'SessionEnd') {
    const { settled } = await endSession(context, { surface, id }, { goesOn: GOES_ON.has(reason) })
    tell(settled, layout, log)
    return undefined
  }
  if (event !== 'SessionStart')
    throw new SkillsctlError('usage', 'this hook knows no such event', { subject: event })
  const start = { surface, id, source, holder: callingProcess(), isGuess: true }
  const { release, hasNews, settled, problem } = await beginSession(context, start).catch(
    (problem: unknown) =>
      // It reads what is shown all the same.
      ({ release: pointerOf(layout, surface), hasNews: false, settled: undefined, problem }),
  )
  if (problem !== undefined) log(problem)
  tell(settled, layout, log)
  const line = release && staleness(await stateFor(layout, surface), release, Date.now())
  if (line === undefined && !hasNews) return undefined
  return {
    hookSpecificOutput: {
      hookEventName: event,
      ...(line === undefined ? {} : { additionalContext: line }),
      ...(hasNews ? { reloadSkills: true } : {}),
    },
  }
}

/** What is tried on other surfaces is none of this agent's business. */
async function stateFor(layout: Layout, surface: string): Promise<UpdateState> {
  const state = await readState(layout)
  const { trial } = state
  return trial === undefined || isTriedOn(trial, surface) ? state : { ...state, trial: undefined }
}

function tell(settled: Settled | undefined, { root }: Layout, log: (problem: unknown) => void): void {
  if (settled?.problem !== undefined) log(settled.problem)
  if (settled?.overdue === true)
    log(`moved to ${settled.to} under open sessions: it had waited long enough for them`)
  if (settled?.outcome === 'moved') announceMove(root)
}

function describe(problem: unknown): string {
  if (typeof problem === 'string') return problem
  const { code, message, subject, found } = asFailure(problem)
  return [code, message, subject, found].filter((part) => part !== undefined && part !== '').join(': ')
}
