/** Connections that were opened before the code that uses them was loaded. */
import net from 'node:net'
import tls from 'node:tls'

const waiting = new Map<string, net.Socket>()

/** Begins to connect to an http(s) store; any other URL needs no connection. */
export function warmUp(url: string): void {
  if (!URL.canParse(url)) return
  const { protocol, hostname, port, origin } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const socket =
    protocol === 'https:'
      ? tls.connect({ host, port: Number(port || 443), ALPNProtocols: ['http/1.1'], ...nameOf(host) })
      : protocol === 'http:'
        ? net.connect({ host, port: Number(port || 80) })
        : undefined
  if (socket === undefined) return
  waiting.set(origin, socket)
  // Nobody may ask for it; and who asks shall get one that works.
  socket.unref()
  socket.once('error', () => waiting.delete(origin))
  socket.once('close', () => waiting.delete(origin))
}

/** TLS wants to know which host is meant, unless it is an address. */
function nameOf(host: string): { servername?: string } {
  return net.isIP(host) === 0 ? { servername: host } : {}
}

/** The connection to this origin, once. */
export function takeWarm(origin: string): net.Socket | undefined {
  const socket = waiting.get(origin)
  waiting.delete(origin)
  if (socket === undefined || socket.destroyed) return undefined
  socket.ref()
  return socket
}
