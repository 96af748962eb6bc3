/** Answers of a store, byte for byte as they come over the wire: S3's XML, headers, statuses; and plain HTTP. */
import { createServer } from 'node:net'
import { onTestFinished } from 'vitest'
import { openHttpStore } from '../../../src/store/http.ts'
import { openS3Store } from '../../../src/store/s3.ts'
import type { ReadableStore, Store } from '../../../src/store/store.ts'
import { type Input, insist, type Target } from '../target.ts'

const MOST = 10_000

type Operation = (store: Store) => Promise<unknown>

const OPERATIONS: Readonly<Record<string, Operation>> = {
  get: async (store) => {
    const answer = await store.get('metadata/timestamp.json', { maxBytes: MOST, ifNoneMatch: '"a"' })
    if (answer.kind === 'found') insist(answer.body.length <= MOST, 'a body is capped')
  },
  stream: read,
  put: (store) => store.put('metadata/2.root.json', Buffer.from('{}'), { absent: true }),
  stat: async (store) => {
    const found = await store.stat('metadata/timestamp.json')
    insist(found === undefined || Number.isSafeInteger(found.size), 'a size is a number')
  },
  list: async (store) => {
    let count = 0
    for await (const { key, size, modified } of store.list('approvals/')) {
      insist(typeof key === 'string', 'a key is text')
      insist(typeof size === 'number' && typeof modified === 'number', 'size and age are numbers')
      // A listing that never ends is for whoever lists to stop; here it is this test.
      if (++count > 100) return
    }
  },
}

async function read(store: ReadableStore): Promise<void> {
  const answer = await store.stream('blobs/aa/a.tar.gz', { maxBytes: MOST, start: 2 })
  if (answer.kind === 'absent') return
  let length = 0
  for await (const chunk of answer.chunks) length += chunk.length
  insist(length <= MOST, 'a body is capped')
}

export async function responsesTarget(): Promise<Target> {
  let answer: Buffer = Buffer.alloc(0)
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const base = `http://127.0.0.1:${address.port}`
  process.env['AWS_ACCESS_KEY_ID'] = 'AKIATEST'
  process.env['AWS_SECRET_ACCESS_KEY'] = 'secret'
  const s3 = await openS3Store(`s3://bucket/prefix?endpoint=${encodeURIComponent(base)}&region=auto`)
  const http = openHttpStore(base)
  onTestFinished(() => {
    s3.close()
    http.close()
    server.close()
  })
  return {
    name: 'responses',
    codes: ['unreachable', 'denied', 'absent', 'corrupt', 'failed', 'unsupported', 'usage'],
    seeds: seeds(),
    async run({ kind, bytes }) {
      answer = bytes
      if (kind === 'http get') await http.get('a', { maxBytes: MOST, ifNoneMatch: '"a"' })
      else if (kind === 'http stream') await read(http)
      else await OPERATIONS[kind]?.(s3)
    },
  }
}

function seeds(): Input[] {
  const error = (code: string): string =>
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>no</Message><RequestId>1</RequestId></Error>`
  const listed =
    '<Contents><Key>prefix/approvals/a</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"a"</ETag><Size>5</Size></Contents>'
  const list = `<?xml version="1.0"?>\n<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated>${listed}${listed}</ListBucketResult>`
  const errors = Object.keys(OPERATIONS).flatMap((kind) =>
    [
      ['404 Not Found', 'NoSuchKey'],
      ['403 Forbidden', 'AccessDenied'],
      ['400 Bad Request', 'constructor'],
      ['503 Slow Down', 'SlowDown'],
      ['412 Precondition Failed', 'PreconditionFailed'],
    ].map(([status = '', code = '']) =>
      answerOf(kind, status, error(code), 'content-type: application/xml\r\n'),
    ),
  )
  const found = 'etag: "a"\r\nlast-modified: Sat, 21 Nov 2026 08:00:00 GMT\r\n'
  const body = '{"signed":{},"signatures":[]}'
  return [
    ...errors,
    answerOf('list', '200 OK', list, 'content-type: application/xml\r\n'),
    ...['get', 'stream', 'stat', 'put', 'http get', 'http stream'].map((kind) =>
      answerOf(kind, '200 OK', body, found),
    ),
    ...['stream', 'http stream'].map((kind) =>
      answerOf(kind, '206 Partial', body, 'content-range: bytes 2-30/31\r\n'),
    ),
    ...['get', 'http get'].map((kind) => answerOf(kind, '304 Not Modified', '', found)),
    answerOf('http get', '302 Found', '<html>sign in</html>', 'location: http://example.invalid/\r\n'),
  ]
}

function answerOf(kind: string, status: string, body: string, headers: string): Input {
  const head = `HTTP/1.1 ${status}\r\n${headers}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`
  return { kind, format: 'bytes', bytes: Buffer.from(head + (kind === 'stat' ? '' : body)) }
}
