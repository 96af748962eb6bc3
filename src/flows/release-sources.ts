/**
 * Releases to compare with, without running them: their bytes from wherever they lie on this disk as they were signed, else
 * from their archive, which is fetched and verified as for an update.
 */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkRequirements, parseChannel } from '../core/channel.ts'
import { SkillsctlError } from '../core/errors.ts'
import type { Steps } from '../core/events.ts'
import type { DiffSource } from '../core/file-diffs.ts'
import type { Entry } from '../core/manifest.ts'
import { onDisk } from '../disk/fault.ts'
import { createHome } from '../home/layout.ts'
import { Originals } from '../home/originals.ts'
import { type Installed, readInstalled } from '../home/releases.ts'
import { openStaging, type StagingArea } from '../home/staging.ts'
import type { ReadableStore } from '../store/store.ts'
import { entryOfRelease, findInHistory } from './fetch-release.ts'
import { type Machine, openReader } from './machine.ts'
import { fetchManifest, fetchTree, type Wanted } from './obtain.ts'
import { findOnDisk } from './switch-release.ts'

export interface ReleaseSources {
  /**
   * @param wanted a version, a commit or a part of one, or a channel for its head
   * @throws SkillsctlError `absent` when nothing fits, and what asking the store throws
   */
  find(wanted: string): Promise<DiffSource>
  ofInstalled(installed: Installed): DiffSource
}

/** Runs `work`, and puts away what was fetched for it. */
export async function withReleaseSources<T>(
  machine: Machine,
  step: Steps,
  work: (sources: ReleaseSources) => Promise<T>,
): Promise<T> {
  const sources = new Sources(machine, step)
  try {
    return await work(sources)
  } finally {
    await sources.close()
  }
}

/** Anything else names a channel. */
const VERSION_OR_COMMIT = /^(?:\d|[0-9a-f]+$)/i

class Sources implements ReleaseSources {
  private readonly machine: Machine
  private readonly step: Steps
  private readonly originals: Originals
  private readonly areas: StagingArea[] = []
  private opened: Promise<ReadableStore> | undefined

  constructor(machine: Machine, step: Steps) {
    this.machine = machine
    this.step = step
    this.originals = new Originals(machine.layout)
  }

  async find(wanted: string): Promise<DiffSource> {
    const name = findOnDisk(this.machine, wanted)
    const installed = name && readInstalled(this.machine.layout, name.directory)
    if (installed !== undefined) return this.ofInstalled(installed)
    const store = await this.store()
    const release = await this.step('refresh', () => this.findInStore(store, wanted))
    const { entry } = release
    checkRequirements(entry.requires ?? [], entry.release.version)
    const { content } = await fetchManifest(store, release)
    return this.source(entry.release.version, content.files, async () => release)
  }

  ofInstalled(installed: Installed): DiffSource {
    return this.source(installed.version, installed.content.files, async (store) => ({
      channel: this.machine.channel,
      entry: await entryOfRelease(this.machine, installed)(store),
    }))
  }

  async close(): Promise<void> {
    for (const area of this.areas) await area.discard()
    const store = await this.opened?.catch(() => undefined)
    store?.close()
  }

  private source(
    name: string,
    files: readonly Entry[],
    releaseIn: (store: ReadableStore) => Promise<Wanted>,
  ): DiffSource {
    const entries = new Map(files.map((entry) => [entry.path, entry]))
    let tree: Promise<string> | undefined
    const read = async (path: string): Promise<Uint8Array | undefined> => {
      const entry = entries.get(path)
      if (entry === undefined || entry.mode === 'link') return undefined
      const original = this.originals.read(entry)
      if (original !== undefined) return original
      tree ??= this.fetch(releaseIn)
      const fetched = join(await tree, path)
      return onDisk(fetched, () => readFile(fetched))
    }
    return { name, files, read }
  }

  private async fetch(releaseIn: (store: ReadableStore) => Promise<Wanted>): Promise<string> {
    const { layout } = this.machine
    const store = await this.store()
    const release = await releaseIn(store)
    await createHome(layout)
    const area = await openStaging(layout)
    this.areas.push(area)
    await fetchTree(store, release, area, this.step)
    return area.tree
  }

  private async findInStore(store: ReadableStore, wanted: string): Promise<Wanted> {
    if (VERSION_OR_COMMIT.test(wanted))
      return { channel: this.machine.channel, entry: await findInHistory(this.machine, store, wanted) }
    const channel = parseChannel(wanted)
    const reader = await openReader(this.machine, store)
    await reader.refresh()
    const head = await reader.head(channel)
    if (head === undefined) throw nothingPublished(wanted)
    return { channel, entry: head.entry }
  }

  private store(): Promise<ReadableStore> {
    this.opened ??= this.machine.openStore(this.machine.config.store)
    return this.opened
  }
}

function nothingPublished(channel: string): SkillsctlError {
  return new SkillsctlError('absent', 'nothing was published on this channel yet', {
    subject: channel,
    hint: 'name another channel or a version: skillsctl releases',
  })
}
