/** Two versions of skillsctl on one home and one repository: what the newer one wrote survives, or stops the older. */
import { readFile, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import type { Json, JsonObject } from '../../src/core/canonical.ts'
import { followChannel } from '../../src/flows/channel.ts'
import { history, pin, promote, renew, replaceKey, rollback, status, unpin } from '../../src/index.ts'
import { sha256Hex } from '../../src/trust/digest.ts'
import {
  signMetadata,
  splitMetadata,
  type TargetsSigned,
  type TimestampSigned,
} from '../../src/trust/metadata.ts'
import { commit } from '../../src/trust/writer.ts'
import {
  bodyOf,
  CANARY,
  createTeam,
  newSigner,
  overwrite,
  STABLE,
  type Team,
  type TestMachine,
} from '../support/team.ts'

const SKILL = 'skills/a/SKILL.md'
const LATER = { deep: [1] }
const yes = async () => true

async function running(): Promise<{ team: Team; machine: TestMachine }> {
  const team = await createTeam()
  await team.commit({ [SKILL]: 'one' })
  await team.publish()
  await promote(team.release, 'canary', STABLE, yes)
  const machine = await team.joined()
  return { team, machine }
}

async function fieldsOf(path: string): Promise<JsonObject> {
  return JSON.parse(await readFile(path, 'utf8'))
}

/** Somebody with a newer skillsctl writes this file. */
async function rewrite(path: string, change: (fields: JsonObject) => JsonObject): Promise<void> {
  await writeFile(path, JSON.stringify(change(await fieldsOf(path))))
}

const withLater = (value: Json | undefined): JsonObject => ({ ...(value as JsonObject), 'x-later': LATER })

describe('what a newer skillsctl added to a home survives', () => {
  test('in config.json and its root, when the channel changes', async () => {
    const { machine } = await running()
    await rewrite(machine.layout.config, (config) =>
      withLater({ ...config, root: withLater(config['root']) }),
    )
    await followChannel(machine.context, 'canary', yes)
    expect(await fieldsOf(machine.layout.config)).toMatchObject({
      channel: 'canary',
      'x-later': LATER,
      root: { 'x-later': LATER },
    })
  })

  test('in state.json and the pin in it, until somebody unpins', async () => {
    const { team, machine } = await running()
    await pin(machine.context)
    await rewrite(machine.layout.state, (state) => withLater({ ...state, pin: withLater(state['pin']) }))
    await team.ship({ [SKILL]: 'two' })
    expect(await machine.pull()).toMatchObject({ outcome: 'pinned' })
    expect(await fieldsOf(machine.layout.state)).toMatchObject({
      'x-later': LATER,
      pin: { 'x-later': LATER },
    })
    await unpin(machine.context)
    expect(await fieldsOf(machine.layout.state)).toEqual(
      expect.not.objectContaining({ pin: expect.anything() }),
    )
  })

  test('in history.jsonl, and an activation for a reason of its own counts', async () => {
    const { team, machine } = await running()
    await team.ship({ [SKILL]: 'two' })
    await machine.pull()
    const lines = (await readFile(machine.layout.history, 'utf8')).trimEnd().split('\n')
    const last = JSON.stringify(withLater({ ...JSON.parse(lines.at(-1) ?? ''), why: 'wake-up' }))
    await writeFile(machine.layout.history, `${[...lines.slice(0, -1), last].join('\n')}\n`)
    await rollback(machine.context)
    expect(await readFile(machine.layout.history, 'utf8')).toContain(`${last}\n`)
    expect((await history(machine.context)).map(({ why }) => why)).toEqual(
      expect.arrayContaining(['join', 'wake-up', 'rollback']),
    )
    expect(await readFile(machine.layout.history, 'utf8')).not.toContain('recovered')
  })
})

describe('what a newer skillsctl added to a repository survives', () => {
  /** Adds a field at every place of a channel's role that is an object of its own. */
  const decorated = (role: TargetsSigned): TargetsSigned => {
    const target = role.targets[CANARY.target] ?? {}
    const custom = target['custom'] as JsonObject
    const parts = Object.fromEntries(
      ['release', 'archive', 'changes'].map((key) => [key, withLater(custom[key])]),
    )
    const signed = {
      ...role,
      targets: {
        ...role.targets,
        [CANARY.target]: { ...target, custom: withLater({ ...custom, ...parts }) },
      },
    }
    return { ...signed, 'x-later': LATER }
  }

  async function canary(team: Team): Promise<TargetsSigned> {
    let found: TargetsSigned | undefined
    await commit(team.ci, async (view) => {
      found = await view.role('canary')
      return undefined
    })
    if (found === undefined) throw new Error('no role')
    return found
  }

  test('in a head that becomes history, and in a page that is continued', async () => {
    const team = await createTeam()
    await team.commit({ [SKILL]: 'zero' })
    await team.publish()
    await commit(team.ci, async (view) => ({
      edits: [{ role: 'canary', signed: decorated(await view.role('canary')) }],
    }))
    for (let round = 1; round <= 12; round++) {
      await team.commit({ [SKILL]: `round ${round}` })
      await team.publish()
    }
    const role = await canary(team)
    expect(role['x-later']).toEqual(LATER)
    const { custom } = role.targets[CANARY.target] ?? {}
    const { older } = custom as { older: { sha256: string } }
    const page = JSON.parse((await bodyOf(team.store, `history/canary/${older.sha256}.json`)).toString())
    expect(page.entries.at(-1)).toMatchObject({
      'x-later': LATER,
      release: { 'x-later': LATER },
      archive: { 'x-later': LATER },
      changes: { 'x-later': LATER },
    })
  })

  test('in the root, the delegations, the snapshot and the timestamp, when keys change', async () => {
    const { team, machine } = await running()
    const spare = newSigner()
    const everybody = team.publisher({ signers: [...Object.values(team.keys), spare] })
    const { signed: root } = splitMetadata(await bodyOf(team.store, 'metadata/1.root.json'), 'root')
    const roles = root['roles'] as JsonObject
    const later = {
      ...withLater(root),
      roles: { ...roles, snapshot: withLater(roles['snapshot']) },
      version: 2,
    }
    await team.store.put('metadata/2.root.json', signMetadata(later as never, [team.keys.root]), {
      absent: true,
    })
    await commit(everybody, async ({ targets }) => {
      const { delegations = { keys: {}, roles: [] } } = targets
      const named = delegations.roles.map((role) => ({ ...role, 'x-later': LATER }))
      return {
        edits: [
          {
            role: 'targets',
            signed: { ...targets, delegations: { ...delegations, roles: named, 'x-later': LATER } },
          },
        ],
      }
    })
    await replaceKey(everybody, team.keys.ci, spare)
    await renew(everybody)
    const next = splitMetadata(await bodyOf(team.store, 'metadata/3.root.json'), 'root').signed
    expect(next).toMatchObject({ 'x-later': LATER, roles: { snapshot: { 'x-later': LATER } } })
    await commit(everybody, async ({ targets }) => {
      expect(targets.delegations).toMatchObject({ 'x-later': LATER })
      for (const role of targets.delegations?.roles ?? []) expect(role).toMatchObject({ 'x-later': LATER })
      return undefined
    })
    expect(await machine.pull()).toMatchObject({ outcome: 'current' })
    const keys = await bodyOf(team.store, 'metadata/3.root.json')
    await replaceKey(everybody, team.keys.ci, spare)
    expect(await bodyOf(team.store, 'metadata/3.root.json')).toEqual(keys)
    await expect(bodyOf(team.store, 'metadata/4.root.json')).rejects.toThrow('absent')
  })
})

describe('what only a newer skillsctl can read is refused, and nothing changes', () => {
  /** Everything but when somebody looked, and why that failed. */
  async function substance(machine: TestMachine) {
    const { 'state.json': state = '{}', ...files } = (await machine.everything()) ?? {}
    const { problem: _problem, ...rest } = JSON.parse(state)
    return {
      ...Object.fromEntries(Object.entries(files).filter(([path]) => !path.startsWith('trust/'))),
      ...rest,
    }
  }

  async function expectRefused(machine: TestMachine, code: string): Promise<void> {
    const before = await substance(machine)
    const { problem } = await machine.pull().catch((error) => ({ problem: error }))
    expect(problem).toMatchObject({
      code,
      hint: expect.stringMatching(/newer skillsctl|tell whoever publishes/),
    })
    expect(await substance(machine)).toEqual(before)
    expect(await machine.files()).toEqual({ [SKILL]: 'one' })
  }

  test.each([
    ['config.json', 'config'],
    ['state.json', 'state'],
  ] as const)('a %s of another format', async (_, name) => {
    const { team, machine } = await running()
    await pin(machine.context)
    await team.ship({ [SKILL]: 'two' })
    await rewrite(machine.layout[name], (fields) => ({
      ...fields,
      pin: { another: 'shape' },
      format: 'skillsctl/99',
    }))
    const before = await machine.everything()
    for (const command of [
      () => machine.pull(),
      () => rollback(machine.context),
      () => unpin(machine.context),
      () => status(machine.context),
    ]) {
      await expect(command()).rejects.toMatchObject({ code: 'unsupported', found: '"skillsctl/99"' })
    }
    expect(await machine.everything()).toEqual(before)
  })

  /** Makes canary's next head what `change` says, signed as it should be. */
  async function moveStable(team: Team, change: (target: JsonObject) => JsonObject): Promise<void> {
    await commit(team.release, async (view) => {
      const role = await view.role('stable')
      const target = change(role.targets[STABLE.target] ?? {})
      return { edits: [{ role: 'stable', signed: { ...role, targets: { [STABLE.target]: target } } }] }
    })
  }

  test('a manifest of another format, by machines and publishers alike', async () => {
    const { team, machine } = await running()
    await team.ship({ [SKILL]: 'two' })
    const bytes = Buffer.from('{"format":"skillsctl-manifest/2","files":{}}\n')
    const sha256 = sha256Hex(bytes)
    await team.store.put(`targets/stable/${sha256}.release.json`, bytes, { absent: true })
    await moveStable(team, (target) => ({ ...target, hashes: { sha256 }, length: bytes.length }))
    await expectRefused(machine, 'unsupported')
    await team.commit({ [SKILL]: 'three' })
    await expect(team.publishStable()).rejects.toMatchObject({ code: 'unsupported' })
  })

  test('a head that requires something, by machines and publishers alike', async () => {
    const { team, machine } = await running()
    await moveStable(team, (target) => ({
      ...target,
      hashes: { sha256: '0'.repeat(64) },
      custom: { requires: ['overlays/2'], another: 'shape' },
    }))
    await expectRefused(machine, 'unsupported')
    await team.commit({ [SKILL]: 'three' })
    await expect(team.publishStable()).rejects.toMatchObject({ code: 'unsupported' })
  })

  test('metadata of the next major version of TUF', async () => {
    const { team, machine } = await running()
    const { signed } = splitMetadata(await bodyOf(team.store, 'metadata/timestamp.json'), 'timestamp')
    const next = { ...signed, version: signed.version + 1, spec_version: '2.0.0' } as TimestampSigned
    await overwrite(team.store, 'metadata/timestamp.json', signMetadata(next, [team.keys.release]))
    await expectRefused(machine, 'unsupported')
    await expect(renew(team.release)).rejects.toMatchObject({ code: 'unsupported' })
  })
})
