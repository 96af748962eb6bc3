/** A surface as a person describes it: a preset, and what they choose otherwise. */
import { SkillsctlError } from '../core/errors.ts'
import { nearMisses } from '../core/near-misses.ts'
import {
  type Adoption,
  CUSTOM,
  checkSurfaceName,
  type Folder,
  findPreset,
  MAX_WAIT,
  PRESETS,
  type Preset,
  type Surface,
} from '../core/surface.ts'
import { rootOf, type User } from '../surfaces/root.ts'

export interface SurfaceOptions {
  /** Default: the name of the preset. */
  readonly name?: string | undefined
  /** Instead of that of the preset; absolute. */
  readonly root?: string | undefined
  readonly folders?: readonly Folder[] | undefined
  readonly by?: Surface['by'] | undefined
  readonly switch?: Surface['switch'] | undefined
  /** Seconds. */
  readonly maxWait?: number | undefined
  readonly only?: readonly string[] | undefined
  readonly except?: readonly string[] | undefined
  /** What becomes of what a person has there already, and differs; default: it stays. */
  readonly adopt?: Adoption | undefined
}

/** @throws SkillsctlError `usage` for a preset that does not exist */
export function requirePreset(name: string): Preset {
  const preset = findPreset(name)
  if (preset !== undefined) return preset
  const names = [...PRESETS, CUSTOM].map((one) => one.name)
  const near = nearMisses(name, names)
  throw new SkillsctlError('usage', 'there is no such preset', {
    subject: name,
    expected: names.join(', '),
    hint:
      near.length > 0
        ? `did you mean ${near.join(' or ')}?`
        : 'for any other place: skillsctl surface add custom --as <name> --root <directory>',
  })
}

/** What was chosen before stays, unless it is chosen anew. */
export function surfaceFrom(
  preset: Preset,
  options: SurfaceOptions,
  known: Surface | undefined,
  user: User,
): Surface {
  if (known !== undefined && known.preset !== preset.name) {
    throw new SkillsctlError('refused', 'this surface is of another preset', {
      subject: known.name,
      expected: known.preset,
      found: preset.name,
      hint: `choose another name with --as, or first: skillsctl surface remove ${known.name}`,
    })
  }
  if (preset !== CUSTOM && preset.root === undefined) insistOnNoPlace(preset, options)
  const root = options.root ?? known?.root ?? rootOf(preset, user)
  if (preset === CUSTOM && (root === undefined || (options.name === undefined && known === undefined))) {
    throw new SkillsctlError('usage', 'a surface of your own needs a name and a root', {
      expected: 'skillsctl surface add custom --as <name> --root <directory>',
    })
  }
  return {
    name: checkSurfaceName(options.name ?? preset.name),
    preset: preset.name,
    root,
    folders: options.folders ?? known?.folders ?? preset.folders,
    by: options.by ?? known?.by ?? 'link',
    switch: options.switch ?? known?.switch ?? 'now',
    maxWait: options.maxWait ?? known?.maxWait ?? MAX_WAIT,
    only: patterns(options.only) ?? known?.only ?? [],
    except: patterns(options.except) ?? known?.except ?? [],
  }
}

function insistOnNoPlace({ agents }: Preset, { name: _, ...options }: SurfaceOptions): void {
  if (Object.values(options).every((value) => value === undefined)) return
  throw new SkillsctlError(
    'usage',
    'no file reaches this place, so that there is nothing to choose but a name',
    {
      subject: agents,
      hint: 'make bundles to upload with: skillsctl export --all --zip',
    },
  )
}

const LONGEST_PATTERN = 1000

/** An empty one takes back what was chosen before. */
function patterns(chosen: readonly string[] | undefined): readonly string[] | undefined {
  const long = chosen?.find((pattern) => pattern.length > LONGEST_PATTERN)
  if (long === undefined) return chosen?.filter((pattern) => pattern !== '')
  throw new SkillsctlError('usage', 'this is too long for a pattern', {
    subject: `${long.slice(0, 40)}…`,
    expected: `${LONGEST_PATTERN} characters at most`,
  })
}
