/** A web server for machines without nginx, in a process of its own: files with ETag and Range, and git's CGI program. */
import { spawn } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join, normalize } from 'node:path'

const [root = '', backend = ''] = process.argv.slice(2)

async function sendFile({ method, url = '/', headers }: IncomingMessage, response: ServerResponse) {
  const path = join(root, normalize(decodeURIComponent(new URL(url, 'http://bench').pathname)))
  const info = await stat(path).catch(() => undefined)
  if (info?.isFile() !== true) return response.writeHead(404).end()
  const etag = `"${Math.floor(info.mtimeMs).toString(16)}-${info.size.toString(16)}"`
  if (headers['if-none-match'] === etag) return response.writeHead(304, { etag }).end()
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? []
  const start = Number(first ?? 0)
  const end = Math.min(last ? Number(last) : info.size - 1, info.size - 1)
  if (start > 0 && start >= info.size) return response.writeHead(416).end()
  response.writeHead(first === undefined ? 200 : 206, {
    etag,
    'content-length': end - start + 1,
    ...(first === undefined ? {} : { 'content-range': `bytes ${start}-${end}/${info.size}` }),
  })
  if (method === 'HEAD' || info.size === 0) return response.end()
  return createReadStream(path, { start, end }).pipe(response)
}

/** RFC 3875: parameters in the environment, the body on stdin, headers and body on stdout. */
function runGit(message: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(message.url ?? '/', 'http://bench')
  const child = spawn(backend, [], {
    env: {
      ...process.env,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: String(message.headers['git-protocol'] ?? ''),
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: message.method,
      CONTENT_TYPE: message.headers['content-type'],
      CONTENT_LENGTH: message.headers['content-length'],
      HTTP_CONTENT_ENCODING: message.headers['content-encoding'],
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  message.pipe(child.stdin)
  let head = Buffer.alloc(0)
  const readHead = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    child.stdout.off('data', readHead)
    const fields = head.subarray(0, end).toString('latin1').split('\r\n')
    for (const field of fields) {
      const [name = '', value = ''] = field.split(/: (.*)/)
      if (name.toLowerCase() === 'status') response.statusCode = Number.parseInt(value, 10)
      else response.setHeader(name, value)
    }
    response.write(head.subarray(end + 4))
    child.stdout.pipe(response)
  }
  child.stdout.on('data', readHead)
}

const server = createServer((message, response) => {
  if (message.url?.startsWith('/repo.git/')) runGit(message, response)
  else sendFile(message, response).catch(() => response.destroy())
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address !== 'string') process.send?.(address.port)
})
process.on('disconnect', () => process.exit())
