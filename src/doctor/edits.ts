/** Local edits: which wait for the person, which are damaged, which are not where they belong. */
import { parsePolicies } from '../core/edit-policy.ts'
import { isUnresolved, type Overlay } from '../core/edits.ts'
import { isError } from '../core/errors.ts'
import { isRecordLost, readIntact } from '../edits/content.ts'
import { shownStill } from '../edits/shown-still.ts'
import { editingHere } from '../edits/workcopy-names.ts'
import type { Layout } from '../home/layout.ts'
import { type Finding, Findings, names } from './finding.ts'
import type { Snapshot } from './snapshot.ts'

export function checkEdits({ layout, config, edits, editsProblem }: Snapshot): Finding[] {
  const findings = new Findings('edits')
  if (editsProblem !== undefined) {
    const { message, hint, code } = editsProblem
    findings.problem(layout.edits, message, code === 'corrupt' ? { fix: 'edits' } : { hint })
  }
  if (isRecordLost(layout))
    findings.problem(layout.edits, 'is gone, and there are edits in overlays/', { fix: 'edits' })
  try {
    parsePolicies(config.raw)
  } catch (error) {
    if (!isError(error, 'corrupt')) throw error
    const hint = `put ${layout.config} right: no edit is taken over before`
    findings.problem(error.subject ?? 'config.edits', `is no policy: ${error.message}`, { hint })
  }
  for (const overlay of edits.overlays) checkOverlay(findings, layout, overlay)
  const open = editingHere(layout)
  if (open.length > 0)
    findings.note(layout.editing, `being edited: ${names(open)}`, {
      hint: 'to make it active: skillsctl edits save',
    })
  const count = edits.overlays.length
  const told = count === 0 ? 'nobody has edited anything' : `${count} kept, none of them waits`
  return findings.all.length > 0 ? findings.all : findings.ok(layout.edits, told).all
}

function checkOverlay(findings: Findings, layout: Layout, overlay: Overlay): void {
  const { unit, surface, content, waits } = overlay
  const name = surface === undefined ? unit : `${unit} on ${surface}`
  const where = surface === undefined ? '' : ` --surface ${surface}`
  try {
    readIntact(layout, content)
  } catch (error) {
    if (!isError(error, 'corrupt')) throw error
    const lost = `bring ${error.subject} back from a backup, or give it up: skillsctl edits drop ${unit}${where}`
    const isShown = shownStill(layout, overlay) !== undefined
    findings.problem(
      name,
      `your edit is damaged: ${error.message}`,
      isShown ? { fix: 'edits' } : { hint: lost },
    )
  }
  if (waits === undefined || !isUnresolved(overlay)) return
  const why = waits.because === 'removed' ? 'has removed it' : 'changed the same'
  findings.problem(name, `your edit waits: ${waits.release.version} ${why}`, {
    hint: `skillsctl edits resolve ${unit}${where}`,
  })
}
