import { expect, test } from 'vitest'
import { patient } from '../../src/store/patience.ts'

/** A store that holds the line: silence and dripping both count as not answering. */

async function readThrough(
  chunks: AsyncIterable<Buffer>,
  patience: { stallMs: number; dripMs: number },
): Promise<number> {
  let size = 0
  for await (const chunk of patient(chunks, 'blobs/x', patience)) size += chunk.length
  return size
}

test('a body that stops is unreachable, not waited for', async () => {
  async function* stalled(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(10)
    await new Promise(() => {})
  }
  await expect(readThrough(stalled(), { stallMs: 20, dripMs: 60_000 })).rejects.toMatchObject({
    code: 'unreachable',
  })
})

test('a body that drips for ever is unreachable, although it never stops', async () => {
  async function* drip(): AsyncGenerator<Buffer> {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 2))
      yield Buffer.alloc(1)
    }
  }
  await expect(readThrough(drip(), { stallMs: 60_000, dripMs: 50 })).rejects.toMatchObject({
    code: 'unreachable',
  })
})

test('a consumer that takes its time is not the fault of the store', async () => {
  async function* quick(): AsyncGenerator<Buffer> {
    for (let count = 0; count < 5; count++) yield Buffer.alloc(1)
  }
  let size = 0
  for await (const chunk of patient(quick(), 'blobs/x', { stallMs: 60_000, dripMs: 10 })) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    size += chunk.length
  }
  expect(size).toBe(5)
})
