// Compiles the replay and the S3 server of the tests into build/bench, and runs it. Node 20 cannot run TypeScript.
import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const options = '--ignoreConfig --noCheck --target es2023 --module nodenext --types node --rootDir . --outDir'
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const output = join('build', 'bench')
const parameters = [
  ...options.split(' '),
  output,
  '--rewriteRelativeImportExtensions',
  join('bench', 'replay.ts'),
]
execFileSync(process.execPath, [compiler, ...parameters], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
})
await import(new URL('../build/bench/bench/replay.js', import.meta.url).href)
