// Compiles one program of this directory into build/bench and runs it: node bench/run.mjs speed/main [options].
// Node 20 cannot run TypeScript.
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Node 20 parses these certificates at every start, which takes longer than starting; nothing here speaks TLS.
delete process.env.NODE_EXTRA_CA_CERTS

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const options = '--ignoreConfig --noCheck --target es2023 --module nodenext --types node --rootDir . --outDir'
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const [program] = process.argv.splice(2, 1)
const directory = join('bench', dirname(program))
const sources = readdirSync(join(root, directory))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(directory, name))
const parameters = [
  ...options.split(' '),
  join('build', 'bench'),
  '--rewriteRelativeImportExtensions',
  // All of them: some run as processes of their own, and nothing imports those.
  ...sources,
]
execFileSync(process.execPath, [compiler, ...parameters], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
})
await import(new URL(`../build/bench/bench/${program}.js`, import.meta.url).href)
