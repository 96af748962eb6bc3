/** The root that a machine has accepted last. */
import { SkillsctlError } from '../core/errors.ts'
import { Verifier } from './verifier.ts'

/** A cached root that a failing disk has damaged is as good as none: the pinned one leads to it again. */
export function readRoot(bytes: Buffer, now: number): Verifier | undefined {
  try {
    return new Verifier(bytes, now)
  } catch (error) {
    if (error instanceof SkillsctlError) return undefined
    throw error
  }
}
