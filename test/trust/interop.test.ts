import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Updater } from 'tuf-js'
import { expect, onTestFinished, test } from 'vitest'
import { unpackArchive } from '../../src/archive/unpack.ts'
import { parseManifest } from '../../src/core/manifest.ts'
import { collectGarbage, promote, replaceKey } from '../../src/index.ts'
import { startStaticServer } from '../support/static-server.ts'
import {
  bodyOf,
  Clock,
  createTeam,
  newSigner,
  STABLE,
  type Team,
  temporaryDirectory,
} from '../support/team.ts'

/** Any client of The Update Framework can read our repository: this one is tuf-js itself, nothing of ours. */

async function served(team: Team) {
  const server = await startStaticServer(async (key) => {
    const answer = await team.store.get(key, { maxBytes: Number.MAX_SAFE_INTEGER })
    return answer.kind === 'found' ? answer : undefined
  })
  onTestFinished(() => server.close())
  return server
}

async function updaterOf(team: Team, url: string): Promise<Updater> {
  const directory = await temporaryDirectory()
  const [metadataDir, targetDir] = [join(directory, 'metadata'), join(directory, 'targets')]
  await Promise.all([mkdir(metadataDir), mkdir(targetDir)])
  await writeFile(join(metadataDir, 'root.json'), await bodyOf(team.store, 'metadata/1.root.json'))
  return new Updater({
    metadataDir,
    metadataBaseUrl: `${url}/metadata`,
    targetDir,
    targetBaseUrl: `${url}/targets`,
  })
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()

test('the plain tuf-js updater finds a channel, its manifest, and from there a verified archive', async () => {
  const team = await createTeam({ clock: new Clock(Date.now()) })
  for (let count = 0; count < 3; count++) {
    await team.commit({ 'skills/a/SKILL.md': `# ${count}\n`, 'run.sh': '#!/bin/sh\n' })
    await team.publish()
    await promote(team.release, 'canary', STABLE, async () => true)
  }
  const next = newSigner()
  await replaceKey(team.publisher({ signers: [...Object.values(team.keys), next] }), team.keys.root, next)
  await collectGarbage(team.ci)
  const server = await served(team)

  const updater = await updaterOf(team, server.url)
  await updater.refresh()
  const target = await updater.getTargetInfo('stable/release.json')
  if (target === undefined) return expect.unreachable()
  const path = await updater.downloadTarget(target)
  const manifest = parseManifest(await readFile(path, 'utf8'), (text) =>
    sha256(Buffer.from(text)).toString('hex'),
  )
  expect(manifest.files.map((file) => file.path)).toEqual(['run.sh', 'skills/a/SKILL.md'])

  const { archive } = target.custom as { archive: { path: string; integrity: string; size: number } }
  const bytes = Buffer.from(await (await fetch(`${server.url}/${archive.path}`)).arrayBuffer())
  expect(bytes.length).toBe(archive.size)
  expect(`sha256-${sha256(bytes).toString('base64')}`).toBe(archive.integrity)
  const [file, tree] = [join(await temporaryDirectory(), 'a.tar.gz'), await temporaryDirectory()]
  await writeFile(file, bytes)
  await unpackArchive(file, manifest, tree)
  expect(await readFile(join(tree, 'skills/a/SKILL.md'), 'utf8')).toBe('# 2\n')
})

test('it finds drafts, too, and nothing where nothing was published', async () => {
  const team = await createTeam({ clock: new Clock(Date.now()) })
  const { parseChannel } = await import('../../src/core/channel.ts')
  await team.commit({ 'skills/a/SKILL.md': '# a\n' })
  await team.publish({ channel: parseChannel('drafts/new-idea') })
  const server = await served(team)
  const updater = await updaterOf(team, server.url)
  expect(await updater.getTargetInfo('drafts/new-idea.release.json')).toBeDefined()
  expect(await updater.getTargetInfo('stable/release.json')).toBeUndefined()
})
