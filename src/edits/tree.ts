/**
 * The directories that a surface can show: releases, and views. A view is a release with overlays in it,
 * `views/<release>~<digest8>/`: what is overlaid lies in it, everything else is a link into the release.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isError } from '../core/errors.ts'
import { type Entry, parseEntry } from '../core/manifest.ts'
import { list, object, optional, parseJson, string } from '../core/parse.ts'
import { withUnits } from '../core/unit.ts'
import { onDiskNow } from '../disk/fault.ts'
import type { Layout } from '../home/layout.ts'
import { type Installed, readInstalled } from '../home/releases.ts'
import { parseStats, readRecord, type StatRecord } from '../home/stat-record.ts'
import { isView, releaseIn } from './tree-name.ts'

/** A unit in a view, as it was put there. */
export interface OverlaidUnit {
  readonly unit: string
  /** Of the overlay that it came from. */
  readonly content: string
  readonly surface?: string | undefined
  readonly entries: readonly Entry[]
}

export interface Tree {
  /** Name of a directory of `releases/` or `views/`; none of them is in both. */
  readonly name: string
  /** Absolute. */
  readonly path: string
  readonly release: Installed
  readonly overlaid: readonly OverlaidUnit[]
  /** What it holds. */
  readonly files: readonly Entry[]
}

export function treePath({ releases, views }: Layout, name: string): string {
  return join(isView(name) ? views : releases, name)
}

/** What is known of a view lies beside it. */
export function viewRecordPath({ views }: Layout, name: string): string {
  return join(views, `${name}.json`)
}

/** Undefined when it is missing or damaged. */
export function readTree(layout: Layout, name: string): Tree | undefined {
  const release = readInstalled(layout, releaseIn(name))
  if (release === undefined) return undefined
  const overlaid = isView(name) ? readOverlaid(layout, name) : []
  return overlaid && treeOf(layout, name, release, overlaid)
}

/** A release as it is. */
export function releaseTree(layout: Layout, release: Installed): Tree {
  return treeOf(layout, release.directory, release, [])
}

export function treeOf(
  layout: Layout,
  name: string,
  release: Installed,
  overlaid: readonly OverlaidUnit[],
): Tree {
  const units = new Map(overlaid.map(({ unit, entries }) => [unit, entries]))
  const files = withUnits(release.content.files, units)
  return { name, path: treePath(layout, name), release, overlaid, files }
}

/** Stamps of the files that lie in a tree itself. */
export function recordOf(layout: Layout, { name }: Pick<Tree, 'name'>): StatRecord {
  return isView(name) ? parseStats(readViewRecord(layout, name)?.stats ?? '') : readRecord(layout, name)
}

function readOverlaid(layout: Layout, name: string): readonly OverlaidUnit[] | undefined {
  return readViewRecord(layout, name)?.overlaid
}

function readViewRecord(
  layout: Layout,
  name: string,
): { overlaid: readonly OverlaidUnit[]; stats: string } | undefined {
  const path = viewRecordPath(layout, name)
  const text = onDiskNow(path, () => (existsSync(path) ? readFileSync(path, 'utf8') : undefined))
  if (text === undefined) return undefined
  try {
    const fields = object(parseJson(text, path), path)
    const overlaid = list(fields['units'], path).map((value): OverlaidUnit => {
      const { unit, content, surface, entries } = object(value, path)
      return {
        unit: string(unit, path),
        content: string(content, path),
        surface: optional(surface, path, string),
        entries: list(entries, path).map(parseEntry),
      }
    })
    return { overlaid, stats: string(fields['stats'], path) }
  } catch (error) {
    if (isError(error, 'corrupt')) return undefined
    throw error
  }
}
