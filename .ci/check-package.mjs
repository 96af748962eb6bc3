// Checks what `npm pack --json` says is in the package, and prints the name of the tarball.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

const [{ filename, files }] = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const paths = files.map(({ path }) => path)

/** Everything that is in the package, each at least once, and nothing else. A star is the name and digest of a chunk. */
const EXPECTED = [
  'package.json',
  'README.md',
  'LICENSE',
  'SPEC.md',
  'RELEASING.md',
  'dist/cli/main.cjs',
  'dist/cli/*.cjs',
  'dist/cli/THIRD-PARTY-LICENSES.txt',
  'dist/hook/main.cjs',
  'dist/hook/*.cjs',
  'dist/ci/publish.cjs',
  'dist/ci/*.cjs',
  'dist/src/index.js',
  'dist/src/*.js',
  'build/src/index.d.ts',
  'build/src/*.d.ts',
  'build/src/*/*.d.ts',
  'ci/action.yml',
  'ci/publish.sh',
  'ci/README.md',
  'ci/templates/github-publish.yml',
  'ci/templates/github-renew.yml',
  'ci/templates/github-promote.yml',
  'ci/templates/gitlab-ci.yml',
  'keys/README.md',
]
const SECRETS = [
  /skillsctl-secret-key-1:[A-Za-z0-9_-]{43}/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\bAKIA[0-9A-Z]{16}\b/,
]

const patterns = EXPECTED.map((name) => [
  name,
  new RegExp(`^${name.replaceAll('.', '\\.').replaceAll('*', '[\\w.-]+')}$`),
])

assert.deepEqual(
  EXPECTED.filter(
    (name) => !patterns.some(([of, pattern]) => of === name && paths.some((path) => pattern.test(path))),
  ),
  [],
  'missing in the package',
)
assert.deepEqual(
  paths.filter((path) => !patterns.some(([, pattern]) => pattern.test(path))),
  [],
  'not for the package',
)
const leaks = paths.filter((path) => SECRETS.some((pattern) => pattern.test(readFileSync(path, 'utf8'))))
assert.deepEqual(leaks, [], 'looks like a secret')
process.stdout.write(`${filename}\n`)
