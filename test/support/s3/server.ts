import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Bucket } from './bucket.ts'
import type { Call } from './operation.ts'
import { readPayload } from './payload.ts'
import { allowsAnonymous } from './policy.ts'
import { parseRequest, type S3Request, type S3Response, withHoistedHeaders } from './request.ts'
import { findRoute } from './routes.ts'
import { S3Error, type S3ErrorCode } from './s3-error.ts'
import { authenticate, type Caller, type Credentials } from './signature.ts'

/**
 * An S3 server for tests: in memory, on an ephemeral port of the loopback interface, as strict as the real thing
 * in everything it implements, and 501 for everything else. It knows nothing of its clients.
 */

export interface S3Server {
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** The bucket's state, to look at or to damage behind the client's back. */
  bucket(name: string): Bucket
  createBucket(name: string): Bucket
  /** Every request so far in the order of the answers. */
  readonly requests: LoggedRequest[]
  close(): Promise<void>
}

export interface LoggedRequest {
  readonly method: string
  readonly bucket: string
  /** Empty for operations on the bucket itself. */
  readonly key: string
  /** 0 when the connection was dropped instead of an answer. */
  readonly status: number
  /** Bytes of the response body. */
  readonly bytesOut: number
}

/** What can go wrong: the connection breaks without an answer, or the answer is this error. */
export type Fault = 'drop' | S3ErrorCode

/**
 * Asked `before` a request is looked at and `after` it took effect, before it is answered. May wait, which holds
 * the request at that point.
 */
export type FaultHook = (
  request: Pick<S3Request, 'method' | 'bucket' | 'key' | 'query' | 'headers'>,
  when: 'before' | 'after',
) => Fault | undefined | Promise<Fault | undefined>

export interface S3ServerOptions {
  readonly fault?: FaultHook
  /** The only region that signatures may name; any when absent. */
  readonly region?: string
  readonly now?: () => number
}

const CREDENTIALS: Credentials = { accessKeyId: 'AKIATESTSERVER', secretAccessKey: 'test-server-secret' }
const MAX_KEY_BYTES = 1024

export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const { fault, region, now = Date.now } = options
  const buckets = new Map<string, Bucket>()
  const requests: LoggedRequest[] = []
  const rules = { credentials: CREDENTIALS, region, now }

  const handle = async (request: S3Request): Promise<S3Response> => {
    const lastChangeOnArrival = buckets.get(request.bucket)?.lastChange(request.key) ?? 0
    await injectFault(fault, request, 'before')
    if (Buffer.byteLength(request.key) > MAX_KEY_BYTES) throw new S3Error('KeyTooLongError')
    const effective = withHoistedHeaders(request)
    const caller = authenticate(effective, rules)
    const route = authorise(effective, caller, buckets)
    const payload = (): ReturnType<typeof readPayload> => readPayload(effective, caller)
    const call: Call = { request: effective, caller, buckets, lastChangeOnArrival, now, payload }
    const response = await route.run(call)
    await injectFault(fault, request, 'after')
    return response
  }

  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const requestId = randomBytes(8).toString('hex').toUpperCase()
    const { method, bucket, key, result } = await attempt(message, requestId, handle)
    if (result === 'drop') {
      requests.push({ method, bucket, key, status: 0, bytesOut: 0 })
      message.socket.destroy()
      return
    }
    const bytesOut = send(response, result, method, requestId)
    requests.push({ method, bucket, key, status: result.status, bytesOut })
    // Whatever the operation did not read has to go, or the connection cannot be used again.
    message.resume()
  }

  const server = createServer((message, response) => void answer(message, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    ...CREDENTIALS,
    requests,
    bucket(name) {
      const bucket = buckets.get(name)
      if (bucket === undefined) throw new Error(`no bucket ${name}`)
      return bucket
    },
    createBucket(name) {
      const bucket = new Bucket(name, now)
      buckets.set(name, bucket)
      return bucket
    },
    close() {
      return new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)))
        server.closeAllConnections()
      })
    },
  }
}

/** A broken connection; thrown like an error of S3, because it too takes the place of the answer. */
class Dropped extends Error {}

async function injectFault(
  fault: FaultHook | undefined,
  request: S3Request,
  when: 'before' | 'after',
): Promise<void> {
  const injected = await fault?.(request, when)
  if (injected === 'drop') throw new Dropped()
  if (injected !== undefined) throw new S3Error(injected)
}

/** The operation this names, once the caller is known to be allowed to run it. */
function authorise(request: S3Request, caller: Caller, buckets: ReadonlyMap<string, Bucket>) {
  if (caller.kind === 'owner') return findRoute(request)
  const key = request.key === '' ? undefined : request.key
  const policy = buckets.get(request.bucket)?.policy
  const allowed = (['s3:GetObject', 's3:ListBucket'] as const).filter((action) =>
    allowsAnonymous(policy, action, request.bucket, action === 's3:GetObject' ? key : undefined),
  )
  // Not even that an operation is unknown here is told to somebody who may not run it.
  if (allowed.length === 0) throw new S3Error('AccessDenied')
  const route = findRoute(request)
  if (route.anonymous === undefined || !allowed.includes(route.anonymous)) throw new S3Error('AccessDenied')
  return route
}

interface Attempt {
  readonly method: string
  readonly bucket: string
  readonly key: string
  readonly result: S3Response | 'drop'
}

async function attempt(
  message: IncomingMessage,
  requestId: string,
  handle: (request: S3Request) => Promise<S3Response>,
): Promise<Attempt> {
  let request: S3Request | undefined
  const of = (result: Attempt['result']): Attempt => {
    const { bucket = '', key = '' } = request ?? {}
    return { method: message.method ?? '', bucket, key, result }
  }
  try {
    request = parseRequest(message)
    return of(await handle(request))
  } catch (error) {
    return of(error instanceof Dropped ? 'drop' : errorResponse(error, requestId))
  }
}

function errorResponse(error: unknown, requestId: string): S3Response {
  if (!(error instanceof S3Error)) {
    // A bug of this server. It must not look like a passing fault that clients retry in silence.
    process.emitWarning(error instanceof Error ? error : String(error))
    return errorResponse(new S3Error('NotImplemented', 'the test server failed; see its warning'), requestId)
  }
  const { status, headers } = error
  return status === 304 ? { status, headers } : { status, headers, body: error.toXml(requestId) }
}

/** Sends the response and says how long its body was. */
function send(response: ServerResponse, result: S3Response, method: string, requestId: string): number {
  const { status, headers = {}, body = '' } = result
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const bodiless = status === 204 || status === 304
  response.writeHead(status, {
    ...(typeof body === 'string' && body !== '' ? { 'content-type': 'application/xml' } : {}),
    ...headers,
    ...(bodiless ? {} : { 'content-length': bytes.length }),
    'x-amz-request-id': requestId,
    server: 'test-s3',
  })
  const silent = bodiless || method === 'HEAD'
  response.end(silent ? undefined : bytes)
  return silent ? 0 : bytes.length
}
