/** `edits.json` on disk. One write of it is the commit of everything that becomes of an edit. */
import { type Edits, NO_EDITS, parseEdits, serializeEdits } from '../core/edits.ts'
import { isError, SkillsctlError } from '../core/errors.ts'
import { readIfThere, writeFileAtomic } from '../disk/atomic-file.ts'
import type { Layout } from '../home/layout.ts'

/** @throws SkillsctlError `corrupt`: the edits themselves are in `overlays/` still; `unsupported` */
export async function readEdits({ edits: path }: Layout): Promise<Edits> {
  const bytes = await readIfThere(path)
  if (bytes === undefined) return NO_EDITS
  try {
    return parseEdits(bytes.toString('utf8'), path)
  } catch (cause) {
    if (!isError(cause, 'corrupt')) throw cause
    throw new SkillsctlError('corrupt', 'what is known of the edits on this machine is damaged', {
      subject: path,
      hint: 'the edits themselves are in overlays/ beside it: skillsctl doctor --fix finds them again',
      cause,
    })
  }
}

/** The caller holds the lock. */
export async function writeEdits({ edits, staging }: Layout, content: Edits): Promise<void> {
  await writeFileAtomic(edits, serializeEdits(content), { mode: 0o600, via: staging })
}
