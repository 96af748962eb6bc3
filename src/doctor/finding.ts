/** What a check says, and what it is told (SPEC.md, "Doctor"). */

export type Level = 'ok' | 'note' | 'problem'

/** What `--fix` can do, in the order in which it is done: each may need what those before it have fixed. */
export const REPAIRS = [
  'permissions',
  'identity',
  'current',
  // A ledger is made anew of what lies in a root.
  'root',
  'ledger',
  // Surfaces show what it brings back.
  'edits',
  'surface',
  'hook',
  'leftovers',
] as const
export type Repair = (typeof REPAIRS)[number]

export interface Finding {
  /** Name of the check. */
  readonly check: string
  /** `note`: worth knowing, nothing is wrong. */
  readonly level: Level
  /** A path, a surface, a skill. */
  readonly subject: string
  readonly message: string
  /** What the person can do. */
  readonly hint?: string | undefined
  /** What `--fix` would do. */
  readonly fix?: Repair | undefined
}

/** The findings of one check: the words of each are all that its author has to give. */
export class Findings {
  readonly all: Finding[] = []
  private readonly check: string

  constructor(check: string) {
    this.check = check
  }

  ok(subject: string, message: string): this {
    return this.add('ok', subject, message, {})
  }

  note(subject: string, message: string, more: Pick<Finding, 'hint' | 'fix'> = {}): this {
    return this.add('note', subject, message, more)
  }

  problem(subject: string, message: string, more: Pick<Finding, 'hint' | 'fix'> = {}): this {
    return this.add('problem', subject, message, more)
  }

  private add(level: Level, subject: string, message: string, more: Pick<Finding, 'hint' | 'fix'>): this {
    this.all.push({ check: this.check, level, subject, message, ...more })
    return this
  }
}

/** `a, b, c and 4 more`. */
export function names(all: readonly string[], most = 3): string {
  const shown = all.slice(0, most).join(', ')
  return all.length > most ? `${shown} and ${all.length - most} more` : shown
}
