import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { callingProcess } from '../../src/disk/caller.ts'
import { findProcess, isSameProcess, ownIdentity, startTimeOf } from '../../src/disk/process-identity.ts'

/** A shell below ours, with a second one and a program below it. @returns the pid of the shell below that one */
async function shells(): Promise<number> {
  // `:` behind each keeps a shell from becoming the program that it runs.
  const child = spawn('sh', ['-c', 'sh -c "echo \\$\\$; read _; :"; :'])
  onTestFinished(() => void child.kill('SIGKILL'))
  const [text] = await once(child.stdout, 'data')
  return Number(text)
}

test('whoever calls is behind all shells', async () => {
  const inner = await shells()
  expect(findProcess(inner)?.program).toMatch(/sh$/)
  expect(callingProcess(inner)).toEqual(ownIdentity())
  expect(callingProcess(process.pid)).toEqual(ownIdentity())
})

test('the first process is nobody, and nor is one that is not there', () => {
  expect(callingProcess(1)).toBeUndefined()
  expect(callingProcess(0)).toBeUndefined()
  expect(callingProcess(2 ** 22 + 1)).toBeUndefined()
})

test('when this process started is known to a second or so', () => {
  const now = Date.now()
  const started = startTimeOf(ownIdentity(), now) ?? 0
  expect(Math.abs(now - process.uptime() * 1000 - started)).toBeLessThan(3000)
  expect(startTimeOf({ started: 'Fri Nov 20 09:00:00 2026' }, Date.UTC(2027, 1))).toBe(
    Date.UTC(2026, 10, 20, 9),
  )
  expect(startTimeOf({ started: 'Fri Nov 20 09:00:00 2026' }, Date.UTC(2026, 1))).toBeUndefined()
  expect(startTimeOf({ started: 'unknown' }, now)).toBeUndefined()
})

test('two processes are the same with their start only', () => {
  const own = ownIdentity()
  expect(isSameProcess(own, { ...own })).toBe(true)
  expect(isSameProcess(own, { ...own, started: '1' })).toBe(false)
})
