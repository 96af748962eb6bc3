/** What an agent makes of each entry of a surface, by a scan with its rules: visible, or why not. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type Fact, isGuide, readersOf, type ScanRules } from '../core/scan-rules.ts'
import { findPreset, type Surface } from '../core/surface.ts'
import { type ClaudeSettings, hiddenByClaude, readClaudeSettings } from './claude-settings.ts'
import { codexHiding } from './codex-settings.ts'
import type { EntryState } from './entry-state.ts'
import { geminiHiding } from './gemini-settings.ts'
import type { Hiding } from './hiding.ts'
import { type Host, isPresent, isSet, pathOf } from './host.ts'
import { opencodeHiding } from './opencode-settings.ts'
import { rootOf } from './root.ts'
import { isTie, type Scan, type Seen, scanPlaces } from './scan.ts'

export interface Verdict {
  /** As in `skills/quarterback`. */
  readonly place: string
  readonly is: 'visible' | 'duplicated' | 'shadowed' | 'invisible'
  /** Path of what it is duplicated with or shadowed by. */
  readonly by?: string | undefined
  /** Why it is invisible, or less than visible. */
  readonly because?: string | undefined
  /** Whose verdict it is; undefined where no agent is known, or none was asked. */
  readonly agent?: string | undefined
  /** False when it rests on something that nobody has seen this agent do. */
  readonly isVerified: boolean
  /** A setting of the person's own: as they want it. */
  readonly isChosen?: true
}

interface Reader {
  readonly scan: Scan
  /** An environment variable that keeps it from reading this surface. */
  readonly silencedBy: string | undefined
  /** What its settings make of a skill. */
  readonly hides: (seen: Seen) => Hiding | undefined
}

/** How agents would list one surface. */
export interface Reading {
  readonly readers: readonly Reader[]
  readonly settings: ClaudeSettings | undefined
}

type Rooted = Surface & { readonly root: string }

/** @param others all surfaces of this machine */
export function readSurface(surface: Rooted, others: readonly Surface[], host: Host): Reading {
  const known = [surface, ...others]
  const settings = surface.preset === 'claude-code' ? readClaudeSettings(surface.root, host) : undefined
  const readers = readersHere(surface, host).map((rules) => {
    const places = rules.reads.flatMap((place) => pathOf(place, known, host) ?? [])
    const { unless = [] } = rules.reads.find(({ of }) => of === surface.preset) ?? {}
    const silencedBy = unless.find((name) => isSet(host.user.variables[name]))
    const hides = hidingOf(rules, settings, host)
    return { scan: scanPlaces(rules, [...new Set(places)]), silencedBy, hides }
  })
  return { readers, settings }
}

function hidingOf({ preset }: ScanRules, settings: ClaudeSettings | undefined, host: Host): Reader['hides'] {
  if (preset === 'claude-code' && settings !== undefined) return (seen) => hiddenByClaude(settings, seen)
  const known = findPreset(preset)
  const root = known && rootOf(known, host.user)
  if (root === undefined) return () => undefined
  if (preset === 'codex') return codexHiding(root)
  if (preset === 'gemini-cli') return geminiHiding(root, host)
  if (preset === 'opencode') return opencodeHiding(root)
  return () => undefined
}

/** The agents that this person has; the one whose own root it is always, and any client where none is known. */
function readersHere({ preset }: Surface, host: Host): ScanRules[] {
  const readers = readersOf(preset)
  const agents = readers.filter(
    (rules) => !isGuide(rules) && (rules.preset === preset || isPresent(rules, host)),
  )
  return agents.length > 0 ? agents : readers.filter(isGuide)
}

const WORST = ['visible', 'duplicated', 'shadowed', 'invisible'] as const

/** The worst that any of its readers makes of it. */
export function judge(surface: Rooted, place: string, state: EntryState, reading: Reading): Verdict {
  const path = join(surface.root, place)
  if (state.is === 'taken') return { place, is: 'shadowed', by: path, isVerified: true }
  if (state.is === 'missing') return { place, is: 'invisible', because: 'nothing is there', isVerified: true }
  if (surface.by === 'link' && !leadsSomewhere(path))
    return { place, is: 'invisible', because: 'its link leads nowhere', isVerified: true }
  if (!place.startsWith('skills/')) return { place, is: 'visible', isVerified: false }
  const verdicts = reading.readers.map((reader) => judgeBy(reader, surface, place, path))
  const worst = verdicts.sort((left, right) => WORST.indexOf(right.is) - WORST.indexOf(left.is))[0]
  return worst ?? { place, is: 'visible', isVerified: false }
}

function leadsSomewhere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    // In a loop, or below what this user may not enter: what an agent makes of it, the scan says.
    return true
  }
}

function judgeBy({ scan, silencedBy, hides }: Reader, { by }: Surface, place: string, path: string): Verdict {
  const { rules, seen } = scan
  const { agent } = rules
  const isVerified = (...facts: Fact[]): boolean => !facts.some((fact) => rules.unverified.includes(fact))
  if (silencedBy !== undefined) {
    const because = `${silencedBy} is set in this environment`
    return { place, is: 'invisible', because, agent, isVerified: true, isChosen: true }
  }
  // A folder of skills, for an agent that looks deeper.
  const found = seen.get(path) ?? [...seen.keys()].some((one) => one.startsWith(`${path}/`))
  if (found === false) {
    const isKnown = scan.isComplete || rules.givesUpAt !== undefined
    return { place, is: 'invisible', because: absence(scan), agent, isVerified: isKnown }
  }
  const plain: Verdict = {
    place,
    is: 'visible',
    agent,
    isVerified: isVerified('depth', 'required fields', ...(by === 'link' ? ['links' as const] : [])),
  }
  if (found === true) return plain
  if (found.leftOut !== undefined) {
    const { reason, by: other, fact } = found.leftOut
    // It is listed under the very same name: all is well.
    if (other?.name === found.name && other.file === found.file) return hidden(plain, hides(found))
    if (other === undefined)
      return { ...plain, is: 'invisible', because: reason, isVerified: isVerified(fact) }
    return { ...plain, is: 'shadowed', by: other.path, isVerified: isVerified(fact) }
  }
  const twin = [...seen.values()].find(
    (one) => one !== found && one.leftOut === undefined && one.name === found.name,
  )
  if (twin === undefined) return hidden(plain, hides(found))
  const fact = twin.file === found.file ? 'double entries' : 'equal names'
  const isKnown = isVerified(fact) && !isTie(rules, found, twin)
  return { ...plain, is: 'duplicated', by: twin.path, isVerified: isKnown }
}

function absence({ isComplete }: Scan): string {
  return isComplete ? 'it has no SKILL.md' : 'there are more than 2,000 directories, at which agents give up'
}

/** What settings make of a skill that would be listed. */
function hidden(plain: Verdict, hiding: Hiding | undefined): Verdict {
  if (hiding === undefined) return plain
  const { because, isListed, isChosen } = hiding
  return { ...plain, is: isListed ? plain.is : 'invisible', because, ...(isChosen ? { isChosen } : {}) }
}
