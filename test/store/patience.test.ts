import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { within } from '../../src/store/patience.ts'

/** Milliseconds. */
const PATIENCE = 5

/** Nothing of this process goes on meanwhile, as when it is stopped or its machine sleeps. */
function suspend(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

test('what came while the process was suspended is not late', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'patience-'))
  const pipe = join(directory, 'pipe')
  execFileSync('mkfifo', [pipe])
  const [near, far] = [openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK), openSync(pipe, 'r+')]
  const socket = new Socket({ fd: near, writable: false })
  onTestFinished(() => {
    socket.destroy()
    closeSync(far)
    rmSync(directory, { recursive: true })
  })
  const answer = within(once(socket, 'data'), PATIENCE, 'a')
  writeSync(far, 'here')
  suspend(4 * PATIENCE)
  expect(String(await answer)).toBe('here')
})

test('what does not come is given up', async () => {
  await expect(within(new Promise(() => {}), PATIENCE, 'a')).rejects.toMatchObject({
    code: 'unreachable',
    subject: 'a',
  })
})
