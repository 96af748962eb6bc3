/** `afterSwitch`: a command of the machine, after a switch and in nobody's way (SPEC.md, "After a switch"). */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { execute, type Ran, Site } from '../support/cli.ts'
import { runHere } from '../support/in-process.ts'

const HOOK = fileURLToPath(new URL('../../dist/hook/main.cjs', import.meta.url))

let site: Site
let older = ''
let newer = ''
beforeAll(async () => {
  site = await Site.create({ prepare: runHere })
  const { releases } = await site.json(['releases', '--channel', 'canary'])
  ;[newer, older] = releases.map(({ release }: { release: { version: string } }) => release.version)
})
afterAll(() => site.remove())

let count = 0
let home = ''
beforeEach(async () => {
  count += 1
  home = site.home(`it's ${count}`)
  expect(await here(['join', site.tokens.canary])).toMatchObject({ exit: 0 })
})

/** As whoever runs the command: of what it switches nobody else is told. */
const ALONE = { SKILLSCTL_AFTER_SWITCH: '1' }
const here = (args: readonly string[]): Promise<Ran> =>
  site.run([...args, '--home', home], { env: ALONE }, runHere)
const real = (args: readonly string[]): Promise<Ran> => site.run([...args, '--home', home])

/** A pipe by name: who reads it waits for whoever writes. */
async function pipe(name: string): Promise<string> {
  const path = join(site.directory, `${name}-${count}`)
  expect(await execute('mkfifo', [path])).toMatchObject({ exit: 0 })
  return path
}
const read = async (path: string): Promise<string> => (await execute('cat', [path])).stdout

describe('the command', () => {
  it('is told of a switch, and whoever switched does not wait for it', async () => {
    const [out, go] = [await pipe('out'), await pipe('go')]
    const says = 'echo "$SKILLSCTL_FROM $SKILLSCTL_TO $SKILLSCTL_SURFACES"; echo "$SKILLSCTL_RELEASE"'
    // Were it started a second time meanwhile, that one would be told in its place.
    const alone = `mkdir '${out}.busy' || exit; trap "rmdir '${out}.busy'" EXIT`
    await here([
      'after-switch',
      '--set',
      `${alone}; (${says}; echo "$SKILLSCTL_HOME") > '${out}'; cat '${go}'`,
    ])
    expect(await real(['pin', older])).toMatchObject({ exit: 0, stderr: '' })
    expect(await read(out)).toBe(`${newer} ${older} \n${join(home, 'releases', older)}\n${home}\n`)
    // It goes on, and nobody starts it a second time, whatever is switched; it hears of that when it has ended.
    await here(['unpin'])
    expect(await real(['pull'])).toMatchObject({ exit: 0, stderr: '' })
    const root = join(site.directory, `root-${count}`)
    expect(await here(['surface', 'add', 'custom', '--as', 'notes', '--root', root])).toMatchObject({
      exit: 0,
    })
    await writeFile(go, '')
    expect(await read(out)).toBe(`${older} ${newer} notes\n${join(home, 'releases', newer)}\n${home}\n`)
    await writeFile(go, '')
  })

  it('is told of what a killed command switched, by the next', async () => {
    const out = await pipe('out')
    await here(['after-switch', '--set', `echo "$SKILLSCTL_FROM $SKILLSCTL_TO" > '${out}'`])
    // Killed before it could tell, which is as if it had been asked not to.
    await here(['pin', older])
    expect(await real(['status'])).toMatchObject({ exit: 0, stderr: '' })
    expect(await read(out)).toBe(`${newer} ${older}\n`)
  })

  it('is told of a surface that the hook of an agent moved', async () => {
    const out = await pipe('out')
    const root = join(site.directory, `root-${count}`)
    await here(['surface', 'add', 'custom', '--as', 'notes', '--root', root, '--switch', 'session'])
    await here(['pin', older])
    await here([
      'after-switch',
      '--set',
      `echo "$SKILLSCTL_FROM $SKILLSCTL_TO $SKILLSCTL_SURFACES" > '${out}'`,
    ])
    const input = JSON.stringify({ hook_event_name: 'SessionStart', session_id: 'one', source: 'startup' })
    const args = [HOOK, 'notes', '--home', home]
    expect(await execute(process.execPath, args, { input })).toMatchObject({ exit: 0, stderr: '' })
    expect(await read(out)).toBe(`${older} ${older} notes\n`)
  })

  it('is told that there was nothing before, the first time', async () => {
    home = site.home(`new ${count}`)
    const out = await pipe('out')
    await here(['join', site.tokens.canary])
    const config = JSON.parse(await readFile(join(home, 'config.json'), 'utf8'))
    const afterSwitch = { command: `echo "<$SKILLSCTL_FROM>" > '${out}'` }
    await writeFile(join(home, 'config.json'), JSON.stringify({ ...config, afterSwitch }))
    await real(['pull'])
    expect(await read(out)).toBe('<>\n')
  })
})

describe('in the log is', () => {
  const log = () => readFile(join(home, 'log'), 'utf8')

  /** Sets the command, switches, and runs it to its end. */
  async function told(command: string, limit = '60s'): Promise<string> {
    await here(['after-switch', '--set', command, '--limit', limit])
    expect(await here(['pin', older])).toMatchObject({ exit: 0 })
    expect(await here(['after-switch', '--due'])).toEqual({ exit: 0, stdout: '', stderr: '' })
    return log()
  }

  it('what it wrote and how it ended; it is not run again for the same', async () => {
    const text = await told('echo one; echo two >&2; exit 3')
    expect(text).toContain(`after-switch: ${newer} → ${older}: exit 3 after `)
    expect(text).toMatch(/\| one\n.*\| two\n$/)
    await here(['after-switch', '--due'])
    expect(await log()).toBe(text)
  })

  it('that it took too long; all that it started has ended with it', async () => {
    const mark = join(site.directory, `alive-${count}`)
    const pid = `${mark}.pid`
    const text = await told(`sh -c 'echo $$ > "$1"; exec sleep 1000' - '${pid}' & sleep 1000`, '1s')
    expect(text).toContain('took too long and was ended')
    const started = Number(await readFile(pid, 'utf8'))
    const state = await readFile(`/proc/${started}/stat`, 'utf8').catch(() => 'gone')
    expect(state).toMatch(/^gone$|\) Z /)
  })

  it('the end of what it wrote, however much that was', async () => {
    const text = await told('yes | head -c 5000000; echo; echo the end')
    expect(text).toContain('exit 0')
    expect(text).toMatch(/\| the end\n$/)
    expect(text.length).toBeLessThan(300_000)
  })

  it('that there is no such command', async () => {
    expect(await told('no-such-command')).toContain(': exit 127 after ')
  })

  it('nothing of what it leaves running, and nobody waits for that', async () => {
    const go = await pipe('go')
    expect(await told(`(cat '${go}' &) ; echo left`)).toMatch(/exit 0 [\s\S]+\| left\n$/)
    await writeFile(go, '')
  })
})

describe('skillsctl after-switch', () => {
  it('shows, sets, limits and clears it', async () => {
    expect((await here(['after-switch'])).stdout).toMatch(/^nothing runs after a switch; /)
    await here(['after-switch', '--set', 'true'])
    await here(['after-switch', '--limit', '5m'])
    expect((await here(['after-switch'])).stdout).toBe('after a switch, for at most 300 s: true\n')
    await here(['after-switch', '--clear'])
    expect(JSON.parse((await here(['after-switch', '--json'])).stdout)).toEqual({ afterSwitch: null })
    expect(JSON.parse(await readFile(join(home, 'config.json'), 'utf8'))).not.toHaveProperty('afterSwitch')
  })

  it.each([
    ['--set x --clear', /set or cleared, not both/],
    ['--limit 5s', /a limit for which command\?[\s\S]+hint: .*--set/],
    ['--set true --limit 0s', /no limit for a command: 0 s/],
    ['--set true --limit 2d', /no limit for a command/],
    ['--set soon --limit soon', /'soon' is invalid/],
  ])('%s is refused, and changes nothing', async (line, says) => {
    const before = await readFile(join(home, 'config.json'), 'utf8')
    const { exit, stderr } = await here(['after-switch', ...line.split(' ')])
    expect(exit).toBe(2)
    expect(stderr).toMatch(says)
    expect(await readFile(join(home, 'config.json'), 'utf8')).toBe(before)
  })

  it('that cannot be read is worth a warning, and fails no command', async () => {
    const path = join(home, 'config.json')
    const config = JSON.parse(await readFile(path, 'utf8'))
    await writeFile(path, JSON.stringify({ ...config, afterSwitch: { command: 7 } }))
    const { exit, stderr } = await site.run(['pin', older, '--home', home], {}, runHere)
    expect(exit).toBe(0)
    expect(stderr).toMatch(/^warning: afterSwitch was not run: /)
    await rm(path)
  })
})
