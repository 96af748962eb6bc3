/** One machine per tool goes through a life: it installs, hears nothing new, follows two commits, and goes back. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Network, Traffic } from './network.ts'
import { run, shell, timed } from './processes.ts'
import type { Site, State } from './site.ts'
import { LOCAL, type Machine, REPEATED, SCENARIOS, type Scenario, type Tool } from './tools.ts'
import { contentOf } from './tree-content.ts'

export interface Sample {
  readonly tree: string
  readonly roundTripMs: number
  readonly tool: string
  readonly scenario: Scenario
  readonly ms: number
  readonly traffic: Traffic | undefined
}

/** What the servers have when a scenario runs, and what a machine must have afterwards. */
const STATE_OF: Readonly<Record<Scenario, State>> = {
  cold: 'base',
  ready: 'base',
  nothing: 'base',
  elsewhere: 'elsewhere',
  edit: 'edit',
  readyAgain: 'edit',
  twenty: 'twenty',
  rollback: 'twenty',
  status: 'twenty',
  version: 'twenty',
}
const AFTERWARDS: Readonly<Record<Scenario, State>> = {
  ...STATE_OF,
  rollback: 'edit',
  status: 'edit',
  version: 'edit',
}

export interface Setting {
  readonly tree: string
  readonly site: Site
  readonly tools: readonly Tool[]
  readonly network: Network
  /** For the machines. */
  readonly directory: string
  readonly env: NodeJS.ProcessEnv
}

/** @param round decides which tool goes first @throws Error when a tool fails, or installs anything but what git has */
export async function runChain(
  { tree, site, tools, network, directory, env }: Setting,
  round: number,
): Promise<Sample[]> {
  const samples: Sample[] = []
  const order = tools
    .map((_, index) => tools[(index + round) % tools.length])
    .filter((tool) => tool !== undefined)
  const machines = new Map<Tool, Machine>()
  for (const [index, tool] of order.entries()) {
    machines.set(tool, await machineIn(join(directory, String(index)), network, site))
  }
  const scenarios = SCENARIOS.filter((name) => network.roundTripMs === 0 || !LOCAL.includes(name))
  for (const scenario of scenarios.flatMap(repeated)) {
    await site.serve(STATE_OF[scenario])
    for (const [tool, machine] of machines) {
      const command = tool.command(scenario, machine)
      if (command === undefined) continue
      // What others have written must not wait for the disk at our cost, nor ours at theirs.
      await run(shell(`sync -f '${directory}'`), { env })
      await network.take()
      const ms = await timed(command, { cwd: machine.directory, env })
      const { roundTripMs } = network
      samples.push({ tree, roundTripMs, tool: tool.name, scenario, ms, traffic: await network.take() })
      await insistOnTree(site, tool, machine, scenario)
    }
  }
  return samples
}

function repeated(scenario: Scenario): Scenario[] {
  return Array.from({ length: REPEATED.includes(scenario) ? 3 : 1 }, () => scenario)
}

async function machineIn(directory: string, { ports }: Network, { publisher }: Site): Promise<Machine> {
  await mkdir(directory, { recursive: true })
  const [web = 0, rsync = 0] = ports
  return {
    directory,
    web: `http://127.0.0.1:${web}`,
    rsync: `rsync://127.0.0.1:${rsync}/live`,
    root: publisher.root,
  }
}

async function insistOnTree(
  { expected }: Site,
  { name, tree }: Tool,
  { directory }: Machine,
  scenario: Scenario,
): Promise<void> {
  if (tree === undefined) return
  const found = await contentOf(join(directory, tree))
  if (found !== expected.get(AFTERWARDS[scenario])) {
    throw new Error(`${name}: the tree after "${scenario}" is not what git has`)
  }
}
