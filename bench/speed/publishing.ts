/** How long publishing takes, and what it asks of a store that counts. */
import { appendFile, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Passed } from '../replay-gate.ts'
import { openOwnS3 } from '../replay-store.ts'
import { run, shell, timed } from './processes.ts'
import { Publisher } from './publisher.ts'

const HEADS_BEFORE = 8

type Write = (directory: string) => Promise<void>

/** Publishes one-line commits to a directory. @returns milliseconds of each */
export async function timePublishing(
  directory: string,
  write: Write,
  commits: number,
  env: NodeJS.ProcessEnv,
): Promise<number[]> {
  const store = join(directory, 'store')
  const { publisher, files } = await foundWith(directory, pathToFileURL(store).href, write, env)
  const times: number[] = []
  for (let count = 0; count < commits; count++) {
    const commit = await commitOneLine(publisher, files, count)
    await run(shell(`sync -f '${directory}'`), { env })
    times.push(await timed(publisher.publishing(commit), { cwd: publisher.checkout, env }))
  }
  await rm(directory, { recursive: true })
  return times
}

export interface Asked {
  /** By the name of the operation in S3. */
  readonly requests: Readonly<Record<string, number>>
  /** Bytes of bodies. */
  readonly up: number
  readonly down: number
}

/** What one publish, one promotion and one collection of garbage ask of an S3 store. */
export async function countPublishing(
  directory: string,
  write: Write,
  env: NodeJS.ProcessEnv,
): Promise<Readonly<Record<'publish' | 'promote' | 'gc', Asked>>> {
  const s3 = await openOwnS3()
  try {
    const withKeys = { ...env, ...s3.environment, AWS_EC2_METADATA_DISABLED: 'true' }
    const { publisher, files } = await foundWith(directory, s3.url, write, withKeys)
    const counted = async (work: () => Promise<void>): Promise<Asked> => {
      const before = s3.passed?.length ?? 0
      await work()
      return sumOf(s3.passed?.slice(before) ?? [])
    }
    // As on any day but the first: a catch-up bundle is written for each of the eight heads before.
    for (let count = 0; count < HEADS_BEFORE; count++) {
      await publisher.publish(await commitOneLine(publisher, files, count))
      await publisher.promote()
    }
    const commit = await commitOneLine(publisher, files, HEADS_BEFORE)
    return {
      publish: await counted(() => publisher.publish(commit)),
      promote: await counted(() => publisher.promote()),
      gc: await counted(() => publisher.collectGarbage()),
    }
  } finally {
    await s3.close()
    await rm(directory, { recursive: true, force: true })
  }
}

async function foundWith(directory: string, store: string, write: Write, env: NodeJS.ProcessEnv) {
  const files = join(directory, 'files')
  await mkdir(files, { recursive: true })
  await write(files)
  const publisher = await Publisher.found(directory, store, env)
  await publisher.publish(await publisher.commit(files, 'base'))
  return { publisher, files }
}

async function commitOneLine(publisher: Publisher, files: string, count: number): Promise<string> {
  const entries = await readdir(files, { recursive: true })
  const skills = entries.filter((path) => path.endsWith('SKILL.md')).sort()
  await appendFile(join(files, skills[count % skills.length] ?? 'SKILL.md'), `Line ${count}.\n`)
  return publisher.commit(files, `line ${count}`)
}

function sumOf(passed: readonly Passed[]): Asked {
  const requests: Record<string, number> = {}
  for (const { method, key } of passed) {
    const operation = key.startsWith('?list-type') ? 'LIST' : method
    requests[operation] = (requests[operation] ?? 0) + 1
  }
  return {
    requests,
    up: passed.reduce((sum, { up }) => sum + up, 0),
    down: passed.reduce((sum, { down }) => sum + down, 0),
  }
}
