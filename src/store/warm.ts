/** Connections that were opened before the code that uses them was loaded. */
import type { Socket } from 'node:net'

const waiting = new Map<string, Set<Socket>>()

/**
 * Begins to connect to an http(s) store; any other URL needs no connection.
 * @param count how many connections shall wait
 */
export function warmUp(address: string, count = 1): void {
  if (!URL.canParse(address)) return
  const url = new URL(address)
  const sockets = waiting.get(url.origin) ?? new Set<Socket>()
  waiting.set(url.origin, sockets)
  while (sockets.size < count) {
    const socket = connect(url)
    if (socket === undefined) return
    sockets.add(socket)
    // Nobody may ask for it; and who asks shall get one that works.
    socket.unref()
    const forget = (): void => void sockets.delete(socket)
    socket.on('error', forget).on('close', forget)
  }
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

/** A connection to this origin, each once; one that is open before one that is not. */
export function takeWarm(origin: string): Socket | undefined {
  const sockets = [...(waiting.get(origin) ?? [])].filter(({ destroyed }) => !destroyed)
  const socket = sockets.find(({ connecting }) => !connecting) ?? sockets[0]
  if (socket === undefined) return undefined
  waiting.get(origin)?.delete(socket)
  socket.ref()
  return socket
}

/** Closes what nobody took. */
export function coolDown(origin: string): void {
  for (let socket = takeWarm(origin); socket !== undefined; socket = takeWarm(origin)) socket.destroy()
}
