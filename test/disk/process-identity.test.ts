import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { hostname, uptime } from 'node:os'
import { expect, test } from 'vitest'
import { isAlive, ownIdentity } from '../../src/disk/process-identity.ts'

test('this process is alive, and its identity is the same each time', () => {
  expect(ownIdentity()).toEqual(ownIdentity())
  expect(ownIdentity()).toMatchObject({ pid: process.pid, machine: expect.stringContaining(hostname()) })
  expect(isAlive(ownIdentity(), 0)).toBe(true)
})

test('a process that ended is not, nor one that started at another time', async () => {
  const child = spawn(process.execPath, ['-e', ''])
  const { pid = 0 } = child
  await once(child, 'exit')
  expect(isAlive({ ...ownIdentity(), pid }, 0)).toBe(false)
  expect(isAlive({ ...ownIdentity(), started: 'another time' }, 0)).toBe(false)
})

test('where no start is known, the pid has to do', () => {
  expect(isAlive({ ...ownIdentity(), started: 'unknown' }, 0)).toBe(true)
  expect(isAlive({ ...ownIdentity(), started: 'unknown', pid: 2 ** 22 + 1 }, 0)).toBe(false)
})

test('of another machine nothing is known, of an earlier boot of this one everything is over', () => {
  const [boot, ...rest] = ownIdentity().machine.split(' ')
  expect(isAlive({ ...ownIdentity(), machine: `${boot} other-namespace ${hostname()}` }, 0)).toBe('unknown')
  expect(isAlive({ ...ownIdentity(), machine: 'boot namespace elsewhere' }, 0)).toBe('unknown')
  const namesake = { ...ownIdentity(), machine: ['earlier', ...rest].join(' ') }
  expect(isAlive(namesake, (uptime() + 60) * 1000)).toBe(false)
  // Written since we started: another machine of our name.
  expect(isAlive(namesake, 0)).toBe('unknown')
})
