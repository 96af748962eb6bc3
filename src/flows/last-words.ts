/** What one run says of edits that it looked at several times. */
import type { Outcome } from '../edits/overlays.ts'

const UNTIL_SOMETHING_ELSE: readonly Outcome['became'][] = ['waits', 'removed', 'unreadable']

/** Without what was not true any more when the run ended: an edit waited until what it was made from had been fetched. */
export function lastWords(outcomes: readonly Outcome[]): Outcome[] {
  return outcomes.filter(({ unit, surface, became }, index) => {
    const later = outcomes.slice(index + 1)
    const isOvertaken = later.some((one) => one.unit === unit && one.surface === surface)
    return !(isOvertaken && UNTIL_SOMETHING_ELSE.includes(became))
  })
}
