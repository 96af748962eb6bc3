/** The files of a machine, as a failing disk or a curious person leaves them: each heals, or says what is wrong. */
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive, ownIdentity, parseIdentity } from '../../../src/disk/process-identity.ts'
import { pull } from '../../../src/flows/pull.ts'
import { history, status } from '../../../src/flows/status.ts'
import { verify } from '../../../src/flows/verify.ts'
import { layoutOf } from '../../../src/home/layout.ts'
import { createTeam, type TestMachine } from '../../support/team.ts'
import { type Format, type Input, insist, type Target } from '../target.ts'

const IDENTITY = 'identity'

/** Kinds are paths of files in a home. */
export async function homeTarget(): Promise<Target> {
  const team = await createTeam()
  await team.ship({ 'skills/a/SKILL.md': '# a\n', 'run.sh': '#!/bin/sh\n' })
  const machine = await team.joined()
  await team.ship({ 'skills/a/SKILL.md': '# b\n' })
  await machine.pull()
  return {
    name: 'home',
    codes: ['corrupt', 'unsupported', 'usage'],
    seeds: [
      ...(await filesOf(machine)),
      { kind: IDENTITY, format: 'json', bytes: Buffer.from(JSON.stringify(ownIdentity())) },
    ],
    async run({ kind, bytes }) {
      if (kind === IDENTITY) return checkIdentity(bytes)
      const directory = await mkdtemp(join(tmpdir(), 'skillsctl-fuzz-'))
      try {
        const root = join(directory, 'home')
        await cp(machine.layout.root, root, { recursive: true, verbatimSymlinks: true })
        await rm(join(root, kind), { force: true })
        await writeFile(join(root, kind), bytes)
        await checkHealing({ ...machine.context, layout: layoutOf(root) }, kind)
      } finally {
        await rm(directory, { recursive: true, force: true })
      }
    },
  }
}

async function filesOf({ layout }: TestMachine): Promise<Input[]> {
  const names = await readdir(layout.root, { recursive: true, withFileTypes: true })
  const paths = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Promise.all(
    paths.map(async (path): Promise<Input> => {
      const kind = path.slice(layout.root.length + 1)
      const format: Format = kind.endsWith('.json') ? 'json' : 'bytes'
      return { kind, format, bytes: await readFile(path) }
    }),
  )
}

async function checkHealing(context: TestMachine['context'], kind: string): Promise<void> {
  await status(context)
  await history(context)
  const report = await pull(context)
  // Losing the state costs a request; a pin in it is the person's word, even where it came from a bad disk.
  const { problem } = report
  if (problem !== undefined && kind !== 'state.json') throw problem
  insist(report.current !== undefined, 'something runs afterwards')
  if (kind.startsWith('releases/')) return
  const { drift } = await verify(context)
  insist(drift.length === 0, 'what runs is complete')
}

function checkIdentity(bytes: Buffer): void {
  const identity = parseIdentity(bytes.toString('utf8'))
  if (identity === undefined) return
  isAlive(identity, 1000)
}
