import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { isAlive, ownIdentity } from '../../src/disk/process-identity.ts'

test('this process is alive, and its identity is the same each time', () => {
  expect(ownIdentity()).toEqual(ownIdentity())
  expect(ownIdentity()).toMatchObject({ pid: process.pid, machine: expect.stringContaining(hostname()) })
  expect(isAlive(ownIdentity())).toBe(true)
})

test('a process that ended is not, nor one that started at another time', async () => {
  const child = spawn(process.execPath, ['-e', ''])
  const { pid = 0 } = child
  await once(child, 'exit')
  expect(isAlive({ ...ownIdentity(), pid })).toBe(false)
  expect(isAlive({ ...ownIdentity(), started: 'another time' })).toBe(false)
})

test('where no start is known, the pid has to do', () => {
  expect(isAlive({ ...ownIdentity(), started: 'unknown' })).toBe(true)
  expect(isAlive({ ...ownIdentity(), started: 'unknown', pid: 2 ** 22 + 1 })).toBe(false)
})

test('of another machine nothing is known, of an earlier boot of this one everything is over', () => {
  const [boot, ...rest] = ownIdentity().machine.split(' ')
  expect(isAlive({ ...ownIdentity(), machine: `${boot} other-namespace ${hostname()}` })).toBe('unknown')
  expect(isAlive({ ...ownIdentity(), machine: 'boot namespace elsewhere' })).toBe('unknown')
  expect(isAlive({ ...ownIdentity(), machine: ['earlier', ...rest].join(' ') })).toBe(false)
})
