/** The commands of sessions: from arguments to a flow, from its report to lines. */
import { SkillsctlError } from '../../src/core/errors.ts'
import { formatAge } from '../../src/core/freshness.ts'
import { callingProcess } from '../../src/disk/caller.ts'
import { findProcess, identityOf, type ProcessIdentity } from '../../src/disk/process-identity.ts'
import { beginSession, endSession, listSessions } from '../../src/flows/session.ts'
import { EVERY, type Lease } from '../../src/surfaces/lease.ts'
import { type Cli, machineContext } from '../context.ts'
import { settledLines } from '../describe.ts'
import type { Result } from '../output.ts'

type Args = readonly string[]

interface SessionFlags {
  surface: string
  id: string
}

export async function begin(
  cli: Cli,
  _args: Args,
  { pid, ...session }: SessionFlags & { source?: string; pid?: number },
): Promise<Result> {
  const holder = pid === undefined ? callingProcess() : processNamed(pid)
  const { problem, ...report } = await beginSession(machineContext(cli), {
    ...session,
    holder,
    isGuess: pid === undefined,
  })
  if (problem !== undefined)
    cli.output.warn(`the surface stays as it is: ${problem.message} (${problem.subject ?? ''})`)
  const { surface, id, release, settled } = report
  const failure = settled?.problem
  if (failure !== undefined)
    cli.output.warn(`the surface ${surface} could not follow: ${failure.message} (${failure.subject ?? ''})`)
  const first =
    release === undefined ? `${surface} shows nothing yet` : `session ${id} reads ${release} on ${surface}`
  const reader = release === undefined || holder === undefined ? {} : { pid: holder.pid }
  return { data: { ...report, ...reader }, text: [first, ...settledLines(settled ? [settled] : [])] }
}

function processNamed(pid: number): ProcessIdentity {
  const found = findProcess(pid)
  if (found !== undefined) return identityOf(found)
  throw new SkillsctlError('usage', 'there is no such process', {
    subject: `--pid ${pid}`,
    hint: 'give the process that reads the surface as long as the session lasts',
  })
}

export async function end(cli: Cli, _args: Args, session: SessionFlags): Promise<Result> {
  const report = await endSession(machineContext(cli), session)
  const { settled, hadBegun } = report
  const failure = settled?.problem
  if (failure !== undefined)
    cli.output.warn(`the surface ${session.surface} could not follow: ${failure.message}`)
  const first = hadBegun
    ? `session ${session.id} has ended`
    : `no session ${session.id} has begun on ${session.surface}, or it has ended already`
  return {
    data: report,
    text: [first, ...settledLines(settled ? [settled] : [])],
  }
}

export async function listAll(cli: Cli): Promise<Result> {
  const sessions = listSessions(machineContext(cli))
  const now = Date.now()
  const text = sessions.length === 0 ? ['nobody reads here'] : sessions.map((lease) => leaseLine(lease, now))
  return {
    data: {
      sessions: sessions.map(({ holder, isGuess: _isGuess, ...lease }) => ({ ...lease, pid: holder?.pid })),
    },
    text,
  }
}

function leaseLine({ id, surface, release, since, holder }: Lease, now: number): string {
  const who = holder === undefined ? 'nobody knows which process' : `process ${holder.pid}`
  const where = surface === EVERY ? 'every surface' : surface
  return `${id}  ${where}  ${release}  ${formatAge(now - since)}  ${who}`
}
