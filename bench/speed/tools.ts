/** What is compared: each tool's commands for a machine that installs, follows and goes back. */
import { join } from 'node:path'
import { type Command, isInstalled, shell } from './processes.ts'
import { skillsctl } from './publisher.ts'

export const SCENARIOS = [
  'cold',
  'ready',
  'nothing',
  'elsewhere',
  'edit',
  'readyAgain',
  'twenty',
  'rollback',
  'status',
  'version',
] as const
export type Scenario = (typeof SCENARIOS)[number]

/** These ask nobody, so the distance is nothing to them; they are short, so they are measured more often. */
export const LOCAL: readonly Scenario[] = ['rollback', 'status', 'version']
/** Not `rollback`: a second one goes further back. */
export const REPEATED: readonly Scenario[] = ['status', 'version']

export interface Machine {
  /** Of this tool and this run alone. Exists. */
  readonly directory: string
  /** Where the web server is. */
  readonly web: string
  /** Where the rsync daemon is. */
  readonly rsync: string
  /** Root of our repository. */
  readonly root: string
}

export interface Tool {
  readonly name: string
  /** Looked for on this machine; a tool without it is skipped. */
  readonly needs: readonly string[]
  /** Absent where the tool has nothing like it. */
  command(scenario: Scenario, machine: Machine): Command | undefined
  /** The tree that it installed; absent when it installs none. */
  readonly tree?: string
}

export const OURS = 'skillsctl'
export const GIT = 'git fetch + reset (http)'
export const CURL = 'curl + tar'
export const NODE = 'bare node -e 0'

const git: Tool = {
  name: GIT,
  needs: ['git'],
  tree: 'tree',
  command(scenario, { directory, web }) {
    const tree = `'${join(directory, 'tree')}'`
    if (scenario === 'cold') return shell(`git clone -q ${web}/repo.git ${tree}`)
    if (scenario === 'rollback') return shell(`git -C ${tree} reset -q --hard 'HEAD@{1}'`)
    if (!follows(scenario)) return undefined
    return shell(`git -C ${tree} fetch -q && git -C ${tree} reset -q --hard origin/main`)
  },
}

function curl(name: string, needs: readonly string[], afterwards: string): Tool {
  return {
    name,
    needs: ['curl', 'tar', ...needs],
    tree: 'tree',
    command(scenario, { directory, web }) {
      const from = `curl -sf --etag-save etag ${web}/tree.tar.gz`
      const at = `cd '${directory}'`
      if (scenario === 'cold') return shell(`${at} && mkdir tree && ${from} | tar xz -C tree${afterwards}`)
      if (!follows(scenario)) return undefined
      // Nothing arrives when nothing is new, and tar says so.
      const next = `mkdir next && ${from} --etag-compare etag | tar xz -C next 2>/dev/null`
      return shell(`${at} && rm -rf next && if ${next}; then mv tree old.$$ && mv next tree${afterwards}; fi`)
    },
  }
}

const rsync: Tool = {
  name: 'rsync',
  needs: ['rsync'],
  tree: 'tree',
  command(scenario, { directory, rsync: from }) {
    if (scenario !== 'cold' && !follows(scenario)) return undefined
    return { program: 'rsync', args: ['-az', '--delete', `${from}/files/`, join(directory, 'tree')] }
  },
}

const ostree: Tool = {
  name: 'ostree',
  needs: ['ostree'],
  tree: 'current',
  command(scenario, { directory, web }) {
    const at = `cd '${directory}'`
    const pull = 'ostree --repo=repo pull origin main'
    const place = 'ln -sfn "$to" current.new && mv -T current.new current'
    const checkout = `to=$(ostree --repo=repo rev-parse origin:main) && { [ -d "$to" ] || ostree --repo=repo checkout -U -H "$to" "$to"; } && { [ "$(readlink current)" = "$to" ] || { readlink current > before; ${place}; }; }`
    if (scenario === 'rollback') return shell(`${at} && to=$(cat before) && ${place}`)
    if (scenario === 'cold') {
      const create = `ostree --repo=repo init --mode=bare-user-only && ostree --repo=repo remote add --no-gpg-verify origin ${web}/ostree`
      return shell(`${at} && ${create} && ${pull} >/dev/null && { ${checkout}; }`)
    }
    return follows(scenario) ? shell(`${at} && ${pull} >/dev/null && ${checkout}`) : undefined
  },
}

const ours: Tool = {
  name: OURS,
  needs: [],
  tree: join('home', 'current'),
  command(scenario, { directory, web, root }) {
    const home = ['--home', join(directory, 'home'), '--quiet']
    switch (scenario) {
      case 'cold':
        return skillsctl('join', `${web}/store`, '--root', root, '--channel', 'canary', ...home)
      case 'rollback':
        return skillsctl('rollback', ...home)
      case 'status':
        return skillsctl('status', ...home)
      case 'version':
        return skillsctl('--version')
      default:
        return skillsctl('pull', ...home)
    }
  },
}

/** What starting any program of ours costs at least. */
const node: Tool = {
  name: NODE,
  needs: [],
  command: (scenario) =>
    scenario === 'version' ? { program: process.execPath, args: ['-e', '0'] } : undefined,
}

/** Channels are ours alone: for the others, news elsewhere is nothing new. */
function follows(scenario: Scenario): boolean {
  return scenario === 'nothing' || scenario === 'edit' || scenario === 'twenty'
}

/** In the order of the tables. */
export const TOOLS: readonly Tool[] = [
  git,
  curl(CURL, [], ''),
  curl('curl + tar + sync', ['sync'], ' && sync -f .'),
  rsync,
  ostree,
  node,
  ours,
]

/** The tools that are on this machine, and the names of those that are not. */
export async function findTools(env: NodeJS.ProcessEnv): Promise<{ tools: Tool[]; missing: string[] }> {
  const [tools, missing]: [Tool[], string[]] = [[], []]
  for (const tool of TOOLS) {
    const found = await Promise.all(tool.needs.map((program) => isInstalled(program, env)))
    if (found.every(Boolean)) tools.push(tool)
    else missing.push(tool.name)
  }
  return { tools, missing }
}
