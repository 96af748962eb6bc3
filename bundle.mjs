// Bundles what the package ships: one file per entry, and chunks that are loaded when they are used. Nothing else has to
// be installed, and a command starts without walking through a hundred files.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { build } from 'rolldown'

/**
 * What is loaded together lies together, so that a command opens few files and compiles little that it does not use.
 * Anything else finds its own place.
 */
const GROUPS = [
  [
    'texts',
    /src\/core\/(?:lines|line-changes|conflict-markers|merge-text|similarity|unified-diff|file-diffs)\.ts|node_modules\/diff\//,
  ],
  [
    'overlays',
    /src\/edits\/(?:overlays|take-edit|follow-release|merge-unit|renamed-unit|shown-still|keep-overlay|view|sweep|rebuild)\.ts|src\/core\/merge-entries\.ts/,
  ],
  [
    'edits',
    /src\/edits\/(?:pristine|source|edited|edited-release|content)\.ts|src\/core\/(?:unit|edit-policy)\.ts|src\/flows\/(?:take-edits|settle)\.ts/,
  ],
  ['diff', /src\/home\/(?:originals|edited-tree)\.ts|src\/flows\/(?:diff|release-sources)\.ts/],
  [
    'switch',
    /src\/home\/(?:staging|place|activation|tidy|exact-tree|standby|log)\.ts|src\/disk\/(?:remove-tree|replace-file|mount|copy-whole)\.ts|src\/core\/(?:catchup|retention)\.ts|src\/flows\/(?:activate|rollback|switch-release|follow-surfaces|trial-over|sweep-here)\.ts/,
  ],
  ['rules', /src\/core\/(?:scan-rules|skill-rules|proposal|origin)\.ts/],
  [
    'core',
    /src\/core\/|src\/disk\/fault\.ts|cli\/(?:exit|failure|output|version)\.ts|node_modules\/fastest-levenshtein\//,
  ],
  ['start', /cli\/command-word\.ts|src\/home\/default-home\.ts|src\/store\/(?:warm|store)\.ts/],
  ['ask', /src\/store\/(?:early|http-request)\.ts/],
  ['command', /cli\/(?:run-|(?:[a-z]+-)?program|define|announce|usage)|node_modules\/commander\//],
  [
    'machine',
    /src\/(?:disk|home)\/|src\/trust\/(?:digest|token)\.ts|src\/flows\/(?:machine|status|waiting-edits)\.ts|src\/edits\/tree-name\.ts|cli\/(?:context|describe|edit-lines|prompt|commands\/machine)\.ts/,
  ],
  [
    'pull',
    /src\/flows\/(?:pull|pull-report|insist-on-fresh|repair-current|fetch-release|obtain|base-copy|catch-up|channel-history|find-target|standby)\.ts|src\/trust\/probe\.ts|src\/store\/(?:open|retry|limits|parts|patience|promised|http)\.ts|node_modules\/(?:p-retry|is-network-error)\/|src\/archive\/(?:catchup|delta|copy-tree|patch-tree|new-tree)\.ts/,
  ],
  [
    'trust',
    /node_modules\/(?:tuf-js|@tufjs|minimatch|brace-expansion|balanced-match)\/|src\/trust\/(?:verifier|reader|metadata|root-chain|public-key)\.ts/,
  ],
  [
    'archive',
    /node_modules\/(?:tar|minizlib|minipass|yallist|ssri)\/|src\/archive\/(?:unpack|lay-out|tar-reader|tar-header)\.ts|src\/store\/download\.ts/,
  ],
].map(([name, test]) => ({ name, test }))

const SPLITTING = { groups: GROUPS, includeDependenciesRecursively: false }

/** What sessions need is one file, with all that it needs itself: opening another takes as long as reading ten kilobytes. */
const HOOK_GROUPS = [{ name: 'session', test: /cli\/hook\.ts|src\/flows\/settle\.ts/ }]

/** Each entry has its own directory and chunks: shared ones would be many, and each is a file to open. */
function bundle(directory, entry, format, plugins = [], splitting = SPLITTING) {
  const extension = format === 'cjs' ? 'cjs' : 'js'
  return {
    input: entry,
    platform: 'node',
    // What it offers Node by default asks for its parts in a way that no bundler sees.
    resolve: { alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' } },
    // What one entry loads when it is used, another may hold anyway.
    checks: { ineffectiveDynamicImport: false },
    preserveEntrySignatures: 'allow-extension',
    output: {
      dir: `dist/${directory}`,
      format,
      entryFileNames: `[name].${extension}`,
      chunkFileNames: `[name]-[hash].${extension}`,
      cleanDir: true,
      // Asked for by groups that leave the dependencies of their modules where they are.
      strictExecutionOrder: splitting === SPLITTING,
      codeSplitting: splitting,
      // Smaller files compile faster; names stay, for stack traces. The hook never shows any.
      minify: splitting === SPLITTING ? { compress: false, mangle: false, codegen: true } : true,
    },
    plugins: [LAZY_CHILD_PROCESS, ...plugins],
  }
}

/** commander starts programs for commands that are files of their own. We have none, and loading that takes a while. */
const LAZY_CHILD_PROCESS = {
  name: 'lazy-child-process',
  resolveId: (id, importer) =>
    id === 'node:child_process' && /node_modules.commander/.test(importer ?? '')
      ? '\0no-programs'
      : undefined,
  load: (id) => (id === '\0no-programs' ? 'export default {}' : undefined),
}

// Programs are CommonJS: Node finds and links their files in half the time.
await build([
  // It loads everything that the others load, so its list of licences is that of the package.
  bundle('cli', 'cli/main.ts', 'cjs', [
    { name: 'licences', generateBundle: addLicences },
    { name: 'contents', generateBundle: writeContents },
  ]),
  bundle('ci', 'ci/publish.ts', 'cjs'),
  bundle('hook', { main: 'cli/hook.ts' }, 'cjs', [], { groups: HOOK_GROUPS }),
  bundle('src', 'src/index.ts', 'esm'),
])

/** The licences of everything that is bundled ask to be passed on with it. */
function addLicences(_options, bundle) {
  const modules = Object.values(bundle).flatMap((chunk) => chunk.moduleIds ?? [])
  const packages = withDependencies(modules.filter((id) => id.includes('node_modules')).map(packageOf))
  const source = [...packages].sort().map(describe).join('\n')
  this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY-LICENSES.txt', source })
}

/** Some packages are bundles themselves (tar is), so that what they depend on is in there as well. */
function withDependencies(directories) {
  const all = new Set(directories)
  for (const directory of all) {
    const { dependencies = {} } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
    for (const name of Object.keys(dependencies)) all.add(installed(name, directory))
  }
  return all
}

/** Where Node finds a package from here: in the nearest node_modules that has it. */
function installed(name, from) {
  for (let directory = from; ; directory = dirname(directory)) {
    const place = join(directory, 'node_modules', name)
    if (existsSync(place)) return place
    if (directory === dirname(directory)) throw new Error(`${name} is not installed`)
  }
}

/** The directory of the package that a module belongs to: the nearest whose package.json has a version. */
function packageOf(module) {
  for (let directory = dirname(module); ; directory = dirname(directory)) {
    const file = join(directory, 'package.json')
    if (existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version !== undefined) return directory
  }
}

function describe(directory) {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  const file = readdirSync(directory).find((entry) => /^licen[cs]e/i.test(entry))
  const text = file === undefined ? '' : `\n${readFileSync(join(directory, file), 'utf8').trim()}\n`
  return `${name} ${version} (${license})\n${text}\n${'-'.repeat(80)}\n`
}

/** Which modules are in which chunk, for the test that says what a command loads. */
function writeContents(_options, bundle) {
  const chunks = Object.values(bundle).filter(({ type }) => type === 'chunk')
  const contents = Object.fromEntries(
    chunks.map(({ fileName, moduleIds }) => [fileName, moduleIds.map((id) => relative(process.cwd(), id))]),
  )
  mkdirSync('build', { recursive: true })
  writeFileSync('build/chunks.json', JSON.stringify(contents))
}
