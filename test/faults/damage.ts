/** What can become of bytes on their way. */
import type { Dice } from './dice.ts'

/** `page`: somebody else's HTML with the status of success, as captive portals and error pages have it. */
export const DAMAGE = ['truncated', 'flipped', 'doubled', 'emptied', 'page'] as const
export type Damage = (typeof DAMAGE)[number]

export const PAGE = Buffer.from('<!DOCTYPE html><title>Sign in</title><p>Welcome to the airport.\n')

export function damaged(body: Buffer, damage: Damage, dice: Dice): Buffer {
  switch (damage) {
    case 'truncated':
      return body.subarray(0, dice.below(Math.max(body.length, 1)))
    case 'flipped':
      return flipped(body, dice)
    case 'doubled':
      return Buffer.concat([body, body])
    case 'emptied':
      return Buffer.alloc(0)
    case 'page':
      return PAGE
  }
}

function flipped(body: Buffer, dice: Dice): Buffer {
  const copy = Buffer.from(body)
  const at = dice.below(Math.max(copy.length, 1))
  if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << dice.below(8))
  return copy
}
