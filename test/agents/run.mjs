// `npm run test:agents`: real agents from the registry, cut off from any network, against stand-ins for their APIs.
// Plain Node, because the tests start only behind the wall that it builds.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What is tried, and what each brings: hundreds of megabytes, so they stay in the person's cache between runs. */
const PACKAGES = ['@anthropic-ai/claude-code', '@openai/codex', '@google/gemini-cli', 'opencode-ai']
const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'skillsctl-test-agents')
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * A network with nothing but loopback, and an /etc of its own, because agents read settings there that tests write.
 * Everything that was mounted there goes with the last process.
 */
const WALL = `
ip link set lo up && mount --make-rprivate / && mount -t tmpfs none "$1" && mkdir "$1/upper" "$1/work" &&
mount -t overlay overlay -o lowerdir=/etc,upperdir="$1/upper",workdir="$1/work" /etc && shift && exec "$@"`

function behindWall(root, command, options) {
  const flags = ['--net', '--mount', ...(process.getuid() === 0 ? [] : ['--map-root-user'])]
  return spawnSync('unshare', [...flags, 'sh', '-c', WALL, 'sh', root, ...command], options)
}

function skip(reason) {
  console.log(`test:agents is skipped: ${reason}`)
  process.exit(0)
}

/**
 * Takes the newest there are, and without a registry those of the last run. `latest` is said in so many words: otherwise
 * npm silently takes an old one that suits this Node, which the native programs do not need.
 */
function install() {
  mkdirSync(CACHE, { recursive: true })
  const manifest = join(CACHE, 'package.json')
  if (!existsSync(manifest)) writeFileSync(manifest, '{"private":true}\n')
  const wanted = process.env.SKILLSCTL_AGENTS?.split(' ') ?? PACKAGES.map((name) => `${name}@latest`)
  try {
    const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', ...wanted]
    execFileSync('npm', args, { cwd: CACHE, stdio: ['ignore', 'ignore', 'inherit'] })
  } catch {
    const isThere = PACKAGES.every((name) => existsSync(join(CACHE, 'node_modules', name)))
    if (!isThere) skip('npm could not fetch the agents; what it said is above')
    console.log('npm could not ask the registry: the agents of the last run are used')
  }
  for (const name of PACKAGES) {
    const { version } = JSON.parse(readFileSync(join(CACHE, 'node_modules', name, 'package.json'), 'utf8'))
    console.log(`${name} ${version}`)
  }
}

if (process.platform !== 'linux') skip('only Linux can cut a process off from the network')
if (spawnSync('tmux', ['-V']).status !== 0) skip('tmux is not here, in which sessions run')
const room = join(CACHE, 'etc')
mkdirSync(room, { recursive: true })
const wall = behindWall(room, ['true'], { encoding: 'utf8' })
if (wall.status !== 0) skip(`no network namespace: ${wall.error?.message ?? wall.stderr.trim()}`)
install()
const { NODE_EXTRA_CA_CERTS: _ofNpmAlone, ...env } = process.env
const vitest = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--config', 'vitest.agents.config.ts']
const { status } = behindWall(room, [process.execPath, ...vitest, ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...env, SKILLSCTL_AGENTS_DIRECTORY: join(CACHE, 'node_modules') },
})
process.exit(status ?? 1)
