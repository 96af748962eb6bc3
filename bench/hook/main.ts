/**
 * `npm run bench:hook`: what a session waits for its hook, beside an empty program of Node. Runs take turns, because the
 * machine is not equally fast all the time. Nothing is compared with yesterday.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatInstant } from '../../src/core/parse.ts'
import type { MachineContext } from '../../src/flows/machine.ts'
import { addSurface } from '../../src/flows/surface.ts'
import { switchCurrent } from '../../src/home/activation.ts'
import { writeConfig } from '../../src/home/config.ts'
import { updateState } from '../../src/home/state.ts'
import { createTestHome } from '../../test/home/home-fixture.ts'

const HOOK = fileURLToPath(new URL('../../../../dist/hook/main.cjs', import.meta.url))
const SURFACE = 'claude-code'
const [SKILLS, FILES_EACH, CHANGED] = [40, 10, 5]
const runs = Number(process.argv[2] ?? 40)

/** 400 files in 40 skills, of which five change from one release to the next. */
function content(release: number): Record<string, string> {
  const files: Record<string, string> = {}
  for (let skill = 0; skill < SKILLS; skill++) {
    const text = skill < CHANGED ? `of release ${release}\n` : 'always the same\n'
    files[`skills/skill-${skill}/SKILL.md`] = `---\nname: skill-${skill}\n---\n${text.repeat(100)}`
    for (let file = 1; file < FILES_EACH; file++)
      files[`skills/skill-${skill}/scripts/step-${file}.sh`] = `# ${file}\n${text.repeat(20)}`
  }
  return files
}

const home = await createTestHome()
const { layout } = home
const context: MachineContext = {
  layout,
  openStore: () => Promise.reject(new Error('no network here')),
  now: Date.now,
  clock: Date.now,
  emit: () => {},
  by: 'bench',
}
const person = `${layout.root}-person`
mkdirSync(person)
const root = { sha256: '0'.repeat(64) }
await writeConfig(layout, { store: 'file:///nowhere', root, channel: 'stable', machine: 'm', raw: {} })
await updateState(layout, { checkedAt: formatInstant(Date.now()) })
const releases = [
  await home.install(content(1), { commit: '1'.repeat(40) }),
  await home.install(content(2), { commit: '2'.repeat(40) }),
]
let turn = 0
async function nextRelease(): Promise<void> {
  turn += 1
  const { directory = '' } = releases[turn % releases.length] ?? {}
  await switchCurrent(layout, directory, 'update', 'bench', Date.now())
}
await nextRelease()
await addSurface(context, SURFACE, { switch: 'session' }, { directory: person, variables: {} })

function time(args: readonly string[], input = ''): { ms: number; stdout: string } {
  const started = performance.now()
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { input, encoding: 'utf8' })
  const ms = performance.now() - started
  if (status !== 0 || stderr !== '') throw new Error(`ended with ${status}: ${stderr}`)
  return { ms, stdout }
}

function hook(event: 'SessionStart' | 'SessionEnd'): { ms: number; stdout: string } {
  const input = JSON.stringify({
    hook_event_name: event,
    session_id: 'bench',
    source: 'startup',
    cwd: person,
  })
  return time([HOOK, SURFACE, '--home', layout.root], input)
}

const figures = new Map<string, number[]>()
function record(name: string, { ms }: { ms: number }): void {
  figures.set(name, [...(figures.get(name) ?? []), ms])
}

for (let run = 0; run < runs; run++) {
  record('node -e 0', time(['-e', '0']))
  await nextRelease()
  const switched = hook('SessionStart')
  if (!switched.stdout.includes('reloadSkills')) throw new Error(`nothing was switched: ${switched.stdout}`)
  record('start, switch due', switched)
  record('end', hook('SessionEnd'))
  record('start, nothing due', hook('SessionStart'))
  rmSync(layout.leases, { recursive: true, force: true })
}

/** @param part 0.5 for the median; less for what it is while nobody else is at work */
const quantile = (name: string, part: number): number => {
  const sorted = (figures.get(name) ?? []).toSorted((left, right) => left - right)
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN
}
let isWithin = true
for (const part of [0.5, 0.1]) {
  const allowed = 1.5 * quantile('node -e 0', part) + 20
  console.log(`${part === 0.5 ? 'median' : 'quickest tenth'} of ${runs}, allowed ${allowed.toFixed(1)} ms`)
  for (const name of figures.keys()) {
    const ms = quantile(name, part)
    isWithin &&= part !== 0.5 || ms <= allowed
    console.log(`  ${name.padEnd(20)} ${ms.toFixed(1).padStart(7)} ms`)
  }
}
await home.remove()
rmSync(join(person), { recursive: true, force: true })
process.exitCode = isWithin ? 0 : 1
