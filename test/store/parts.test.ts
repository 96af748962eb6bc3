/** An archive in four parts at once, from a store that is far away: always the right bytes, or a clear error. */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { isError } from '../../src/core/errors.ts'
import { download } from '../../src/store/download.ts'
import { openHttpStore } from '../../src/store/http.ts'
import { joined, partsOf } from '../../src/store/parts.ts'
import type { ReadableStore } from '../../src/store/store.ts'
import {
  type StaticFault,
  type StaticRequest,
  type StaticServer,
  startStaticServer,
} from '../support/static-server.ts'
import { readStream } from './contract.ts'

/** Bytes; large enough for parts. */
const SIZE = 400_000
const QUARTER = SIZE / 4
const ARCHIVE = randomBytes(SIZE)
const KEY = 'blobs/aa/archive.tar.gz'
const ROOM = { maxBytes: SIZE }
/** Milliseconds that each answer takes, by a clock that only answers move. */
const FAR = 50

type Fault = (
  request: StaticRequest,
  part: number,
) => StaticFault | undefined | Promise<StaticFault | undefined>

const opened: { close(): unknown }[] = []
let directory: string
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  directory = await mkdtemp(join(tmpdir(), 'parts-'))
})
afterAll(async () => {
  vi.useRealTimers()
  for (const one of opened) await one.close()
  await rm(directory, { recursive: true, force: true })
})

/** Where nothing is yet. */
const newFile = (): string => join(directory, randomUUID())

/** Number of the quarter that this request begins with. */
function partOf({ headers }: StaticRequest): number {
  const [, start = 0] = /^bytes=(\d+)-/.exec(headers.range ?? '') ?? []
  return Number(start) / QUARTER
}

/** A server this far away, with something under `metadata`, and the archive. */
async function site({ ms = FAR, body = ARCHIVE, fault }: { ms?: number; body?: Buffer; fault?: Fault } = {}) {
  const server = await startStaticServer(
    async (key) => ({ body: key === KEY ? body : Buffer.from('{}'), etag: '"a"' }),
    {
      fault: (request) => {
        vi.advanceTimersByTime(ms)
        return request.key === KEY ? fault?.(request, partOf(request)) : undefined
      },
    },
  )
  const store = openHttpStore(server.url)
  opened.push(store, server)
  // From this answer the store knows how far away the server is.
  await store.get('metadata/timestamp.json', ROOM)
  return { server, store }
}

const ranges = ({ requests }: StaticServer): (string | undefined)[] =>
  requests.filter(({ key }) => key === KEY).map(({ headers }) => headers.range)

const read = (store: ReadableStore): Promise<Buffer> => readStream(store, KEY, ROOM)

async function downloaded(store: ReadableStore, path: string): Promise<Buffer> {
  const integrity = `sha256-${createHash('sha256').update(ARCHIVE).digest('base64')}`
  await download(store, { key: KEY, integrity, size: SIZE }, path, () => {})
  return readFile(path)
}

describe('an archive', () => {
  test('of a store that is far comes in four parts, the last without an end', async () => {
    const { server, store } = await site()
    expect((await read(store)).equals(ARCHIVE)).toBe(true)
    expect(ranges(server).toSorted()).toEqual([
      'bytes=0-99999',
      'bytes=100000-199999',
      'bytes=200000-299999',
      'bytes=300000-',
    ])
  })

  test('goes on in parts where it broke off', async () => {
    const { server, store } = await site()
    const rest = await readStream(store, KEY, { ...ROOM, start: 80_000 })
    expect(rest.equals(ARCHIVE.subarray(80_000))).toBe(true)
    expect(ranges(server)).toHaveLength(4)
    expect(ranges(server)).toContain('bytes=80000-159999')
  })

  test('of a store that is near comes at once', async () => {
    const { server, store } = await site({ ms: 0 })
    expect((await read(store)).equals(ARCHIVE)).toBe(true)
    expect(ranges(server)).toEqual([undefined])
  })

  test('of a store that has not answered yet comes at once', async () => {
    const { server } = await site()
    const store = openHttpStore(server.url)
    opened.push(store)
    expect((await read(store)).equals(ARCHIVE)).toBe(true)
    expect(ranges(server)).toEqual([undefined])
  })

  test.each([
    ['that is small', 256 * 1024 - 1],
    ['of which we may not hold so much in memory', 16 * 1024 * 1024 + 1],
  ])('%s comes at once', async (_, size) => {
    const { server, store } = await site({ body: Buffer.alloc(size) })
    expect(await readStream(store, KEY, { maxBytes: size })).toHaveLength(size)
    expect(ranges(server)).toEqual([undefined])
  })

  test('that is not there is absent', async () => {
    const { store } = await site({ fault: () => ({ kind: 'status', status: 404 }) })
    expect(await store.stream(KEY, ROOM)).toEqual({ kind: 'absent' })
  })
})

// At the same time, because each waits before it tries again.
describe.concurrent('a server', () => {
  test('without ranges is read in its one answer, whatever becomes of the others', async () => {
    const { store } = await site({
      fault: (_, part) => (part === 0 ? { kind: 'ignore-range' } : { kind: 'drop' }),
    })
    expect((await read(store)).equals(ARCHIVE)).toBe(true)
  })

  test('that ignores where a range ends is read in one answer', async () => {
    const { store } = await site({ fault: () => ({ kind: 'ignore-end' }) })
    expect((await read(store)).equals(ARCHIVE)).toBe(true)
    expect((await readStream(store, KEY, { ...ROOM, start: 7 })).equals(ARCHIVE.subarray(7))).toBe(true)
  })

  test.each<[string, number, StaticFault]>([
    ['answers with another part', 2, { kind: 'wrong-range' }],
    ['answers with the whole', 1, { kind: 'ignore-range' }],
    ['ignores the end', 1, { kind: 'ignore-end' }],
    ['answers with less', 1, { kind: 'smaller-range', bytes: 1000 }],
    ['answers the first part with less', 0, { kind: 'smaller-range', bytes: 1000 }],
    ['ends a part early', 2, { kind: 'other-length', more: -1000 }],
    ['ends the last part early', 3, { kind: 'other-length', more: -1000 }],
    ['breaks off', 2, { kind: 'truncated', after: 1000 }],
    ['breaks off the first part', 0, { kind: 'truncated', after: 1000 }],
    ['does not answer', 3, { kind: 'drop' }],
    ['does not answer the first part', 0, { kind: 'drop' }],
    ['is busy', 1, { kind: 'status', status: 503 }],
    ['is busy for the first part', 0, { kind: 'status', status: 503 }],
    ['says that there is no such part', 3, { kind: 'status', status: 416 }],
    ['says that there is no such object', 1, { kind: 'status', status: 404 }],
  ])('that once %s: what arrived before is kept, and the rest asked for again', async (_, part, fault) => {
    let left = 1
    const { store } = await site({
      fault: (_request, asked) => (asked === part && left-- > 0 ? fault : undefined),
    })
    const path = newFile()
    expect((await downloaded(store, path)).equals(ARCHIVE)).toBe(true)
  })

  test.each([0, 2])('whose part %i is longer than it says is never believed', async (part) => {
    const { store } = await site({
      fault: (_, asked) => (asked === part ? { kind: 'other-length', more: 1 } : undefined),
    })
    const path = newFile()
    await expect(downloaded(store, path)).rejects.toMatchObject({ code: 'corrupt' })
    await expect(readFile(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('that denies the archive has broken its promise', async () => {
    const { store } = await site({ fault: () => ({ kind: 'status', status: 403 }) })
    const path = newFile()
    await expect(downloaded(store, path)).rejects.toMatchObject({ code: 'missing' })
  })

  test('that holds each first part back gets no more connections than one attempt needs', async () => {
    const { store } = await site({ fault: (_, part) => (part === 0 ? { kind: 'drop' } : undefined) })
    // As many attempts as would hold every connection, if each kept its three others.
    for (let attempt = 0; attempt < 4; attempt++)
      await expect(store.stream(KEY, ROOM)).rejects.toMatchObject({ code: 'unreachable' })
    expect(await store.get('metadata/timestamp.json', ROOM)).toMatchObject({ kind: 'found' })
  })
})

describe.concurrent('an object', () => {
  const changed = async (body: Buffer) => {
    const { store } = await site({ body })
    const path = newFile()
    const failure = await downloaded(store, path).catch((error: unknown) => error)
    await expect(readFile(path)).rejects.toMatchObject({ code: 'ENOENT' })
    return failure
  }

  test.each([
    ['longer than signed', Buffer.concat([ARCHIVE, Buffer.alloc(1)])],
    ['shorter than signed', ARCHIVE.subarray(0, SIZE - 1)],
    ['shorter by more than a part', ARCHIVE.subarray(0, SIZE / 2)],
    ['empty', Buffer.alloc(0)],
    ['of other bytes', Buffer.from(ARCHIVE).fill('x', 250_000, 250_001)],
  ])('%s is corrupt, and leaves nothing', async (_, body) => {
    expect(await changed(body)).toMatchObject({ code: 'corrupt' })
  })
})

test('a connection that breaks in the third part leaves the beginning, and the next run goes on there', async () => {
  let isBroken = true
  const { server, store } = await site({
    fault: (_, part) =>
      isBroken && part >= 2 ? { kind: 'truncated', after: part === 2 ? 30_000 : QUARTER } : undefined,
  })
  const path = newFile()
  const answer = await store.stream(KEY, ROOM)
  if (answer.kind !== 'found') throw new Error('the archive is absent')
  const arrived: Buffer[] = []
  const broken = (async () => {
    for await (const chunk of answer.chunks) arrived.push(chunk)
  })()
  await expect(broken).rejects.toMatchObject({ code: 'unreachable' })
  const beginning = Buffer.concat(arrived)
  expect(beginning.equals(ARCHIVE.subarray(0, beginning.length))).toBe(true)
  expect(beginning.length).toBeGreaterThanOrEqual(2 * QUARTER)
  expect(beginning.length).toBeLessThan(3 * QUARTER)

  isBroken = false
  await writeFile(path, beginning)
  const before = server.requests.length
  expect((await downloaded(store, path)).equals(ARCHIVE)).toBe(true)
  const starts = server.requests.slice(before).map(({ headers }) => /\d+/.exec(headers.range ?? '')?.[0])
  expect(Math.min(...starts.map(Number))).toBe(beginning.length)
})

test('whatever becomes of any request, what has arrived is a beginning of the archive, and ends as all of it', async () => {
  const status = fc.constantFrom(206, 302, 401, 403, 404, 416, 429, 503)
  const bytes = fc.nat(QUARTER)
  const fault: fc.Arbitrary<StaticFault | undefined> = fc.oneof(
    fc.constant(undefined),
    fc.constantFrom<StaticFault>(
      { kind: 'drop' },
      { kind: 'ignore-range' },
      { kind: 'wrong-range' },
      { kind: 'ignore-end' },
    ),
    status.map((code): StaticFault => ({ kind: 'status', status: code })),
    bytes.map((after): StaticFault => ({ kind: 'truncated', after })),
    bytes.map((count): StaticFault => ({ kind: 'smaller-range', bytes: count + 1 })),
    fc.integer({ min: -QUARTER, max: QUARTER }).map((more): StaticFault => ({ kind: 'other-length', more })),
  )
  const codes = ['unreachable', 'denied', 'corrupt']
  await fc.assert(
    fc.asyncProperty(fc.array(fault, { maxLength: 12 }), fc.nat(SIZE - 1), async (faults, start) => {
      const left = [...faults]
      const { store } = await site({ fault: () => left.shift() })
      let arrived = ARCHIVE.subarray(0, start)
      // Each attempt that fails has met with one of the faults at least.
      for (let attempt = 0; arrived.length < SIZE && attempt <= faults.length; attempt++) {
        try {
          const answer = await store.stream(KEY, { ...ROOM, start: arrived.length })
          if (answer.kind === 'absent') continue
          for await (const chunk of answer.chunks) arrived = Buffer.concat([arrived, chunk])
        } catch (error) {
          if (!isError(error)) throw error
          expect(codes).toContain(error.code)
        }
        expect(arrived.equals(ARCHIVE.subarray(0, arrived.length))).toBe(true)
      }
      expect(arrived.length).toBe(SIZE)
    }),
    { numRuns: 40 },
  )
})

test('parts that arrive in another order are passed on in theirs', async () => {
  const asked: (() => void)[] = []
  const { store } = await site({
    fault: (_, part) =>
      new Promise((resolve) => {
        asked[part] = () => resolve(undefined)
        // Once all are asked: the last one first.
        if (Object.keys(asked).length === 4) for (const answer of asked.toReversed()) answer()
      }),
  })
  expect((await read(store)).equals(ARCHIVE)).toBe(true)
})

test('a part that stalls is given up in its turn, and all others end with it', async () => {
  const { server, store } = await site({
    fault: (_, part) => (part < 2 ? undefined : { kind: 'stalled', after: 10 }),
  })
  const answer = await store.stream(KEY, ROOM)
  if (answer.kind !== 'found') throw new Error('the archive is absent')
  // From here on also the store's own timers; the sockets below go on in real time.
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
  let bytes = 0
  const read = async (): Promise<void> => {
    for await (const chunk of answer.chunks) bytes += chunk.length
  }
  const reading = expect(read()).rejects.toMatchObject({ code: 'unreachable' })
  while (bytes < 2 * QUARTER + 10) await new Promise(setImmediate)
  await vi.advanceTimersByTimeAsync(60_000)
  await reading
  vi.useFakeTimers({ toFake: ['performance'] })
  expect(bytes).toBe(2 * QUARTER + 10)
  await server.idle()
})

test('whoever stops reading ends all parts', async () => {
  const { server, store } = await site({
    fault: (_, part) => (part === 0 ? undefined : { kind: 'stalled', after: 10 }),
  })
  const answer = await store.stream(KEY, ROOM)
  if (answer.kind !== 'found') throw new Error('the archive is absent')
  for await (const _ of answer.chunks) break
  await server.idle()
})

describe('parts', () => {
  test('are the whole, without gap or overlap', () => {
    for (const [start, end] of [
      [0, 4],
      [0, 5],
      [3, 1_000_003],
      [7, 7],
    ] as const) {
      const parts = partsOf(start, end, 4)
      expect(parts[0]?.start).toBe(start)
      expect(parts.slice(1).map((part) => part.start)).toEqual(parts.slice(0, -1).map((part) => part.end))
      expect(parts.at(-1)?.end).toBeUndefined()
    }
  })

  test('fail when the turn of the one that failed has come, not before', async () => {
    async function* good(): AsyncGenerator<Buffer> {
      yield Buffer.from('a')
      yield Buffer.from('b')
    }
    // biome-ignore lint/correctness/useYield: it fails before it has anything
    async function* bad(): AsyncGenerator<Buffer> {
      throw new Error('broken')
    }
    const chunks = joined([good(), bad()])
    expect(String((await chunks.next()).value)).toBe('a')
    expect(String((await chunks.next()).value)).toBe('b')
    await expect(chunks.next()).rejects.toThrow('broken')
  })
})
