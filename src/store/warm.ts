/** Connections that were opened before the code that uses them was loaded. */
import type { Socket } from 'node:net'

const waiting = new Map<string, Socket>()

/** Begins to connect to an http(s) store; any other URL needs no connection. */
export function warmUp(address: string): void {
  if (!URL.canParse(address)) return
  const url = new URL(address)
  if (waiting.has(url.origin)) return
  const socket = connect(url)
  if (socket === undefined) return
  waiting.set(url.origin, socket)
  // Nobody may ask for it; and who asks shall get one that works.
  socket.unref()
  const forget = (): void => {
    if (waiting.get(url.origin) === socket) waiting.delete(url.origin)
  }
  socket.on('error', forget).on('close', forget)
}

/** The modules are loaded here, because most commands reach no network. */
function connect({ protocol, hostname, port }: URL): Socket | undefined {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (protocol === 'http:') return process.getBuiltinModule('node:net').connect(Number(port) || 80, host)
  if (protocol !== 'https:') return undefined
  // TLS wants to know which host is meant, unless it is an address.
  const name = process.getBuiltinModule('node:net').isIP(host) === 0 ? { servername: host } : {}
  const options = { host, port: Number(port) || 443, ALPNProtocols: ['http/1.1'], ...name }
  return process.getBuiltinModule('node:tls').connect(options)
}

/** The connection to this origin, once. */
export function takeWarm(origin: string): Socket | undefined {
  const socket = waiting.get(origin)
  waiting.delete(origin)
  if (socket === undefined || socket.destroyed) return undefined
  socket.ref()
  return socket
}
