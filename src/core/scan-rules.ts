/**
 * How each agent finds its skills, one row per agent (SPEC.md, "Agents"; `../shared/AGENTS.md` §1 and §5 say where each
 * fact comes from). A change of theirs is mended here. What nobody has seen or read in the agent's own source is listed in
 * `unverified`, and is never claimed.
 */

/** A directory that an agent reads: `skills` below the root of a preset, or one of the whole machine. */
export interface Place {
  /** Name of a preset. */
  readonly of?: string
  /** The folder there, unless it is `skills`. */
  readonly folder?: string
  /** Below the person's directory. */
  readonly home?: string
  /** Absolute, by platform. */
  readonly at?: { readonly linux: string; readonly darwin: string }
  /** Read for the sake of another agent: nobody is asked to put anything there for this one. */
  readonly borrowed?: true
  /** Environment variables of which any keeps the agent from reading it. */
  readonly unless?: readonly string[]
}

/** What a row says of an agent, by the words in which `doctor` says that nobody has verified it. */
export type Fact = 'links' | 'depth' | 'hidden names' | 'double entries' | 'equal names' | 'required fields'

export interface ScanRules {
  /** The preset of its own root, by which the row is known. */
  readonly preset: string
  /** For people. */
  readonly agent: string
  /** Strongest first. */
  readonly reads: readonly Place[]
  /** Directories below a place that may hold a SKILL.md: 0 is the place itself. */
  readonly depth: { readonly from: number; readonly to: number }
  /** After this many directories of one place it is known to give up; the scan does in any case. */
  readonly givesUpAt?: number
  readonly skipsDotNames: boolean
  /** Which links it follows. */
  readonly follows: { readonly directories: boolean; readonly files: boolean }
  /** One SKILL.md that is reached twice counts once. */
  readonly countsOnce: boolean
  /** Of two skills of one name: that of the stronger place only, both, or whichever it happens to read last. */
  readonly equalNames: 'stronger' | 'both' | 'either'
  /** What a skill is called by. */
  readonly name: 'directory' | 'head'
  /** Without which of these it leaves a skill out. */
  readonly requires: readonly ('head' | 'name' | 'description')[]
  /** A name or a description that is there but empty is none. */
  readonly ignoresEmpty: boolean
  /** Of a head that is no YAML, or where these are no text, it reads the lines `name: …` and `description: …` all the same. */
  readonly readsLoosely: false | 'no YAML' | 'no text'
  /** A byte order mark before the head is no matter. */
  readonly skipsMark: boolean
  /** It leaves out a skill whose name is not that of its directory. */
  readonly wantsEqualNames: boolean
  /** Beyond these lengths it leaves a skill out. */
  readonly longest: { readonly name?: number; readonly description?: number }
  /** Names that it keeps for itself. */
  readonly reserved: readonly string[]
  /** Characters: for all names and descriptions in its context, and for each description. */
  readonly listing?: { readonly total: number; readonly each: number; readonly variable?: string }
  readonly unverified: readonly Fact[]
}

/** The specification's guide for clients, for whoever reads `~/.agents` and has no row of its own. */
const CLIENT_GUIDE = {
  depth: { from: 1, to: 4 },
  skipsDotNames: true,
  follows: { directories: true, files: true },
  countsOnce: true,
  equalNames: 'stronger',
  name: 'head',
  requires: ['head', 'name', 'description'],
  ignoresEmpty: true,
  readsLoosely: false,
  skipsMark: true,
  wantsEqualNames: false,
  longest: {},
  reserved: [],
} as const

export const SCAN_RULES: readonly ScanRules[] = [
  {
    // Seen with 2.1.330, and again with whatever `npm run test:agents` finds. 2.1.197 kept no names for itself.
    preset: 'claude-code',
    agent: 'Claude Code',
    reads: [
      {
        at: {
          linux: '/etc/claude-code/.claude/skills',
          darwin: '/Library/Application Support/ClaudeCode/.claude/skills',
        },
        unless: ['CLAUDE_CODE_SIMPLE', 'CLAUDE_CODE_DISABLE_POLICY_SKILLS'],
      },
      { of: 'claude-code', unless: ['CLAUDE_CODE_SIMPLE'] },
    ],
    depth: { from: 1, to: 1 },
    skipsDotNames: false,
    follows: { directories: true, files: true },
    countsOnce: true,
    equalNames: 'stronger',
    name: 'directory',
    requires: [],
    ignoresEmpty: true,
    readsLoosely: 'no YAML',
    skipsMark: true,
    wantsEqualNames: false,
    longest: {},
    reserved: ['synced', '.trash'],
    listing: { total: 8000, each: 1536, variable: 'SLASH_COMMAND_TOOL_CHAR_BUDGET' },
    unverified: [],
  },
  {
    // Seen with 0.169.0, and again with whatever `npm run test:agents` finds; limits from codex-rs/core-skills/src/loader.rs.
    preset: 'codex',
    agent: 'Codex',
    reads: [
      { of: 'codex' },
      { of: 'agents' },
      { at: { linux: '/etc/codex/skills', darwin: '/etc/codex/skills' } },
    ],
    depth: { from: 0, to: 6 },
    givesUpAt: 2000,
    skipsDotNames: true,
    follows: { directories: true, files: false },
    countsOnce: true,
    equalNames: 'both',
    name: 'head',
    requires: ['head', 'description'],
    ignoresEmpty: true,
    readsLoosely: 'no YAML',
    skipsMark: false,
    wantsEqualNames: false,
    longest: { name: 64, description: 1024 },
    reserved: [],
    listing: { total: 8000, each: 1024 },
    unverified: [],
  },
  {
    // Documentation; links as some people reported them.
    preset: 'cursor',
    agent: 'Cursor',
    reads: [
      { of: 'agents' },
      { of: 'cursor' },
      { of: 'claude-code', borrowed: true },
      { of: 'codex', borrowed: true },
    ],
    ...CLIENT_GUIDE,
    countsOnce: false,
    equalNames: 'both',
    unverified: ['links', 'depth', 'hidden names', 'double entries', 'equal names', 'required fields'],
  },
  {
    // Seen with 0.61.0, and again with whatever `npm run test:agents` finds; heads also from skillLoader.ts.
    preset: 'gemini-cli',
    agent: 'Gemini CLI',
    reads: [{ of: 'agents' }, { of: 'gemini-cli' }],
    depth: { from: 0, to: 1 },
    skipsDotNames: true,
    follows: { directories: true, files: true },
    countsOnce: false,
    equalNames: 'stronger',
    name: 'head',
    requires: ['head', 'name', 'description'],
    ignoresEmpty: false,
    readsLoosely: 'no text',
    skipsMark: false,
    wantsEqualNames: false,
    longest: {},
    reserved: [],
    unverified: [],
  },
  {
    // Documentation; VS Code is reported to fail on a linked ~/.agents/skills (microsoft/vscode#315979).
    preset: 'copilot',
    agent: 'Copilot',
    reads: [{ of: 'copilot' }, { of: 'agents' }, { of: 'claude-code', borrowed: true }],
    ...CLIENT_GUIDE,
    depth: { from: 1, to: 1 },
    countsOnce: false,
    unverified: ['links', 'depth', 'hidden names', 'double entries', 'equal names', 'required fields'],
  },
  {
    // Seen with 1.18.33, and again with whatever `npm run test:agents` finds.
    preset: 'opencode',
    agent: 'OpenCode',
    reads: [
      { home: '.opencode/skills' },
      { home: '.opencode/skill' },
      { of: 'opencode' },
      { of: 'opencode', folder: 'skill' },
      { of: 'agents', unless: ['OPENCODE_DISABLE_EXTERNAL_SKILLS'] },
      {
        of: 'claude-code',
        borrowed: true,
        unless: [
          'OPENCODE_DISABLE_EXTERNAL_SKILLS',
          'OPENCODE_DISABLE_CLAUDE_CODE',
          'OPENCODE_DISABLE_CLAUDE_CODE_SKILLS',
        ],
      },
    ],
    ...CLIENT_GUIDE,
    depth: { from: 1, to: 16 },
    // But not in its own root, where no entry of ours begins with a dot.
    skipsDotNames: false,
    countsOnce: false,
    // It reads all of them at once, and keeps what comes last: seen to differ from start to start.
    equalNames: 'either',
    ignoresEmpty: false,
    // Of heads that are no YAML it reads some all the same.
    unverified: ['required fields'],
  },
  {
    preset: 'agents',
    agent: 'any client by the specification',
    reads: [{ of: 'agents' }],
    ...CLIENT_GUIDE,
    unverified: ['links', 'depth', 'hidden names', 'required fields'],
  },
]

/** The agents for whose sake a place of this preset is filled. */
export function readersOf(preset: string): ScanRules[] {
  return SCAN_RULES.filter(({ reads }) =>
    reads.some(({ of, borrowed }) => of === preset && borrowed !== true),
  )
}

/** Whether this is no agent, but what the specification tells whoever writes one. */
export function isGuide({ preset }: ScanRules): boolean {
  return preset === 'agents'
}
