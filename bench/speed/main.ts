/** `npm run bench`: ourselves and what people use instead, side by side. See README.md. */
import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runChain, type Sample } from './chain.ts'
import { cellsOf, describeMachine, type Figures, summary, type TreeFigures } from './figures.ts'
import { memoryOfColdInstall } from './memory.ts'
import { distant, nearby } from './network.ts'
import { type Options, optionsFrom, USAGE } from './options.ts'
import { environmentIn } from './processes.ts'
import { countPublishing, timePublishing } from './publishing.ts'
import { lines } from './report.ts'
import { startRsync } from './rsync-daemon.ts'
import { Site } from './site.ts'
import { CURL, findTools, GIT, OURS, type Tool } from './tools.ts'
import { exportCheckout, LARGE, SMALL, STAND_IN, type TreePlan, WIDE, writeTree } from './trees.ts'
import { startWebServer } from './web.ts'

const ROUND_TRIPS = [50, 0]

interface Tree {
  readonly name: string
  readonly write: (directory: string) => Promise<void>
  readonly runs: number
  readonly tools: readonly Tool[]
  readonly isLarge?: boolean
}

const madeUp = (plan: TreePlan) => ({
  name: plan.name,
  write: (directory: string): Promise<void> => writeTree(directory, plan),
})

/** Slow tools make the large tree a matter of many minutes. */
const QUICK: readonly string[] = [GIT, CURL, OURS]

function treesFor({ tree, large, full, isWanted, runs }: Options, tools: readonly Tool[]): Tree[] {
  const real =
    tree === undefined
      ? madeUp(STAND_IN)
      : { name: 'real', write: (directory: string): Promise<void> => exportCheckout(tree, directory) }
  const quick = full ? tools : tools.filter(({ name }) => QUICK.includes(name))
  return [
    { ...real, runs, tools },
    { ...madeUp(SMALL), runs, tools },
    ...(large ? [{ ...madeUp(LARGE), runs: Math.min(runs, 3), tools: quick, isLarge: true }] : []),
  ].filter(({ name }) => isWanted(name))
}

async function bench(options: Options, work: string): Promise<Figures> {
  const env = environmentIn(join(work, 'me'))
  await mkdir(join(work, 'me'))
  const { tools, missing } = await findTools(env)
  const samples: Sample[] = []
  const trees: TreeFigures[] = []
  let memory: Figures['memory']
  let web = ''
  for (const tree of treesFor(options, tools)) {
    progress(`${tree.name}: building the tree in each tool's form`)
    const directory = join(work, tree.name)
    const site = await Site.build(join(directory, 'site'), tree.write, env)
    trees.push(await describeTree(tree.name, site))
    const server = await startWebServer(site.live, directory, env)
    const rsync = await startRsync(site.live, directory, env)
    try {
      web = server.kind
      samples.push(...(await runTree(tree, site, [server.port, rsync.port], join(directory, 'run'), env)))
      if (tree.name === LARGE.name) {
        const megabytes = await memoryOfColdInstall(site, join(directory, 'run'), server.port, env)
        memory = { tree: tree.name, megabytes }
      }
    } finally {
      await rsync.close()
      await server.close()
    }
    await rm(directory, { recursive: true })
  }
  const publishing = options.isWanted('publish') ? await measurePublishing(options, work, env) : undefined
  const { statistic } = options
  return {
    machine: describeMachine(web),
    statistic,
    missing,
    trees,
    cells: cellsOf(samples, statistic),
    publishMs: publishing && summary(publishing.times, statistic),
    memory,
    asked: publishing?.asked,
  }
}

async function measurePublishing({ runs }: Options, work: string, env: NodeJS.ProcessEnv) {
  progress('publishing')
  const times = await timePublishing(join(work, 'publish'), madeUp(WIDE).write, runs, env)
  return { times, asked: await countPublishing(join(work, 's3'), madeUp(STAND_IN).write, env) }
}

/**
 * All tools at each distance, round by round; the first round warms what all of them read, and does not count. What a round
 * has left is kept where there is room: for minutes after it was removed, ext4 makes new files ten times slower.
 */
async function runTree(
  { name, tools, runs, isLarge = false }: Tree,
  site: Site,
  ports: readonly number[],
  directory: string,
  env: NodeJS.ProcessEnv,
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (let round = 0; round <= runs; round++) {
    for (const roundTripMs of round === 0 ? [0] : ROUND_TRIPS) {
      progress(`${name}: ${round === 0 ? 'warming up' : `run ${round} of ${runs}, ${roundTripMs} ms`}`)
      const network = roundTripMs === 0 ? nearby(ports) : await distant(roundTripMs, ports)
      try {
        const own = join(directory, `${round}-${roundTripMs}`)
        const found = await runChain({ tree: name, site, tools, network, directory: own, env }, round)
        if (round > 0) samples.push(...found)
        if (isLarge) await rm(own, { recursive: true })
      } finally {
        await network.close()
      }
    }
  }
  return samples
}

async function describeTree(name: string, site: Site): Promise<TreeFigures> {
  const files = site.path('base', 'files')
  const entries = await readdir(files, { recursive: true, withFileTypes: true })
  const sizes = await Promise.all(
    entries.filter((entry) => entry.isFile()).map(async (entry) => stat(join(entry.parentPath, entry.name))),
  )
  const { size: archive } = await stat(site.path('base', 'tree.tar.gz'))
  return { name, files: sizes.length, bytes: sizes.reduce((sum, { size }) => sum + size, 0), archive }
}

function progress(text: string): void {
  const line = text && `${Math.round(performance.now() / 1000)} s  ${text}`
  process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${line}` : `${line}\n`)
}

async function main(): Promise<number> {
  let options: Options
  try {
    options = optionsFrom(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`)
    return 2
  }
  const work = await mkdtemp(join(await realpath(tmpdir()), 'skillsctl-bench-'))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      rmSync(work, { recursive: true, force: true })
      process.exit(1)
    })
  }
  try {
    const figures = await bench(options, work)
    if (process.stderr.isTTY) progress('')
    console.log(lines(figures).join('\n'))
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(figures, null, 2)}\n`)
    return 0
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return 1
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

process.exitCode = await main()
