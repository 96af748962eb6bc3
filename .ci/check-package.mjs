// Checks what `npm pack --json` says is in the package, and prints the name of the tarball.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

const [{ filename, files }] = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const paths = files.map(({ path }) => path)

const NEEDED = [
  'package.json',
  'README.md',
  'LICENSE',
  'SPEC.md',
  'RELEASING.md',
  'dist/cli/main.js',
  'dist/ci/publish.js',
  'dist/src/index.js',
  'build/src/index.d.ts',
  'dist/cli/THIRD-PARTY-LICENSES.txt',
  'ci/action.yml',
  'ci/publish.sh',
  'ci/README.md',
  'ci/templates/github-publish.yml',
  'ci/templates/github-renew.yml',
  'ci/templates/github-promote.yml',
  'ci/templates/gitlab-ci.yml',
  'keys/README.md',
]
const FORBIDDEN = [
  /^(?:test|bench|src|cli|coverage|node_modules|\.ci|\.github)\//,
  /^build\/(?!.*\.d\.ts$)/,
  /\.(?:key|pem|env|sealed\.json|tsbuildinfo|log)$/,
  /(?:^|\/)(?:\.npmrc|\.env.*|id_\w+|credentials)$/,
]
const SECRETS = [
  /skillsctl-secret-key-1:[0-9a-f]{64}/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\bAKIA[0-9A-Z]{16}\b/,
]

assert.deepEqual(
  NEEDED.filter((path) => !paths.includes(path)),
  [],
  'missing in the package',
)
assert.deepEqual(
  paths.filter((path) => FORBIDDEN.some((pattern) => pattern.test(path))),
  [],
  'not for the package',
)
const leaks = paths.filter((path) => SECRETS.some((pattern) => pattern.test(readFileSync(path, 'utf8'))))
assert.deepEqual(leaks, [], 'looks like a secret')
process.stdout.write(`${filename}\n`)
