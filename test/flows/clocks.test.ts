/** Clocks that were wrong for a while: what they noted then must not outlast them. */
import { expect, test } from 'vitest'
import { pull, renew } from '../../src/index.ts'
import { createTeam, DAY } from '../support/team.ts'

test('a newer root is asked for once the clock is right again, also when it was ahead while last asked', async () => {
  const team = await createTeam()
  await team.ship({ 'skills/a/SKILL.md': 'one' })
  const machine = await team.joined()
  const now = (): number => team.clock.now() + 20 * DAY
  await team.publish()
  expect((await pull({ ...machine.context, now })).outcome).toBe('current')
  await renew(team.publisher())
  machine.store.forget()
  expect((await machine.pull()).outcome).toBe('current')
  expect(machine.store.log).toContain('get metadata/2.root.json')
})
