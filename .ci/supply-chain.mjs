// What comes into the package from others: lists it and insists on what we rely on. Runs after a build.
//   node .ci/supply-chain.mjs
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Packages that run something when they are installed. Whoever adds one says here why. */
const INSTALL_SCRIPTS = []

/** Licences of what we pass on: all of them ask for no more than their own text beside it. */
const BUNDLED_LICENCES = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'Unlicense',
]
/** Licences of what only builds and tests. */
const TOOL_LICENCES = [...BUNDLED_LICENCES, 'MIT OR Apache-2.0', 'MPL-2.0']

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
const { '': project, ...others } = packages
const entries = Object.entries(others).map(([path, entry]) => ({ path, ...entry }))

assert.deepEqual(Object.keys(project.dependencies ?? {}), [], 'the package installs nothing else')

const scripts = entries.filter(({ hasInstallScript }) => hasInstallScript).map(({ path }) => path)
assert.deepEqual(scripts, INSTALL_SCRIPTS, 'packages with install scripts')

const foreign = entries.filter(({ resolved, link }) => link || resolved !== undefined)
assert.deepEqual(names(foreign), [], 'everything comes from the registry, which is not named here')

// Binaries for other platforms, of a tool that is never passed on, may lack it: the registry that wrote the lock has none.
const unpinned = entries.filter(({ integrity }) => integrity === undefined)
const needed = unpinned.filter(({ optional, dev, os }) => !(optional && dev && os))
assert.deepEqual(names(needed), [], 'packages without integrity')

const licences = byLicence(entries)
const unknown = Object.keys(licences).filter((licence) => !TOOL_LICENCES.includes(licence))
assert.deepEqual(names(unknown.flatMap((licence) => licences[licence])), [], 'licences that nobody has read')

const bundled = bundledPackages()
const unread = bundled.filter(({ licence }) => !BUNDLED_LICENCES.includes(licence))
assert.deepEqual(unread, [], 'licences of what we pass on')
for (const { name, version, licence, text } of bundled) {
  const locked = others[`node_modules/${name}`]
  assert.equal(version, locked?.version, `${name} is bundled as it is locked`)
  // A package without the text of its own: another's of the same licence stands for it.
  const texts = [text, ...bundled.filter((other) => other.licence === licence).map((other) => other.text)]
  assert.ok(
    texts.some((one) => one !== ''),
    `the text of the licence of ${name} is passed on`,
  )
}

print(`install scripts: ${scripts.length === 0 ? 'none' : scripts.join(', ')} (${entries.length} packages)`)
for (const [licence, of] of Object.entries(licences)) print(`licence ${licence}: ${of.length} packages`)
for (const { path } of unpinned) print(`without integrity: ${path}`)
print(`bundled: ${bundled.length} packages`)
for (const { name, version, licence } of bundled) print(`  ${name} ${version} (${licence})`)
print(`audit: ${audit()}`)

function names(list) {
  return list.map(({ path }) => path)
}

function byLicence(list) {
  const all = [...new Set(list.map(({ license = 'none' }) => license))].sort()
  return Object.fromEntries(
    all.map((name) => [name, list.filter(({ license = 'none' }) => license === name)]),
  )
}

/** What the build says that it has bundled, with the text of each licence. */
function bundledPackages() {
  const text = readFileSync('dist/cli/THIRD-PARTY-LICENSES.txt', 'utf8')
  const parts = text.split(`\n${'-'.repeat(80)}\n`).filter((part) => part.trim() !== '')
  return parts.map((part) => {
    const [, name, version, licence] = /^(\S+) (\S+) \((.+)\)\n/.exec(part.trimStart()) ?? []
    return { name, version, licence, text: part.trimStart().split('\n').slice(1).join('\n').trim() }
  })
}

/** Not every registry answers; one that does has nothing to report. */
function audit() {
  const report = auditReport()
  const found = report?.metadata?.vulnerabilities?.total
  if (found === undefined) return 'this registry does not answer'
  assert.equal(found, 0, `npm audit: ${Object.keys(report.vulnerabilities ?? {}).join(', ')}`)
  return 'nothing known'
}

function auditReport() {
  const options = {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    shell: process.platform === 'win32',
  }
  try {
    return JSON.parse(execFileSync('npm', ['audit', '--json'], options))
  } catch (error) {
    // npm ends with a failure when it has found something, and also when nobody answers.
    return parsed(error.stdout ?? '')
  }
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function print(line) {
  process.stdout.write(`${line}\n`)
}
