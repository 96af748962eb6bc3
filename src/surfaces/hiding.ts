/** What a setting makes of a skill that an agent would list otherwise. */
export interface Hiding {
  /** The setting, and where it is. */
  readonly because: string
  /** The person's own: as they want it. */
  readonly isChosen: boolean
  /** Only less of it is listed. */
  readonly isListed: boolean
}
