/**
 * A process of its own that passes TCP on as a distant network would: every byte takes half a round trip, opening a
 * connection takes a whole one, and a connection starts slowly (ten segments in flight, doubling with each round trip,
 * as in RFC 6928 and RFC 5681). It counts what passes.
 */
import { createConnection, createServer, type Socket } from 'node:net'
import type { Traffic } from './network.ts'

const FIRST_WINDOW = 10 * 1460
/** What Linux lets a receiver buffer. */
const LARGEST_WINDOW = 6 * 1024 * 1024
const REQUEST = /(?:GET|HEAD|POST) \S+ HTTP\/1\.1\r\n/g

const [roundTripMs = 0, ...upstreams] = process.argv.slice(2).map(Number)
const oneWayMs = roundTripMs / 2

let traffic = { received: 0, requests: 0, rounds: 0 }
/** Something has come back since the last request was sent: the next one could depend on it. */
let isAnswered = true

function noteSent(chunk: Buffer): void {
  const requests = chunk.toString('latin1').match(REQUEST)?.length ?? 0
  if (requests === 0) return
  traffic.requests += requests
  if (isAnswered) traffic.rounds += 1
  isAnswered = false
}

function noteReceived(chunk: Buffer): void {
  traffic.received += chunk.length
  isAnswered = true
}

/** From the server to the client, through a window that grows with what has arrived. */
class Download {
  readonly #waiting: Buffer[] = []
  readonly #from: Socket
  readonly #to: Socket
  #window = FIRST_WINDOW
  #inFlight = 0
  #hasEnded = false

  constructor(from: Socket, to: Socket) {
    this.#from = from
    this.#to = to
    from.on('data', (chunk) => {
      this.#waiting.push(chunk)
      if (this.#waiting.length > 64) from.pause()
      this.#send()
    })
    from.on('end', () => {
      this.#hasEnded = true
      this.#send()
    })
  }

  #send(): void {
    while (this.#inFlight < this.#window) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      const piece = next.subarray(0, this.#window - this.#inFlight)
      if (piece.length < next.length) this.#waiting.unshift(next.subarray(piece.length))
      this.#inFlight += piece.length
      setTimeout(() => this.#deliver(piece), oneWayMs)
    }
    if (this.#waiting.length < 32) this.#from.resume()
    if (this.#hasEnded && this.#waiting.length === 0) setTimeout(() => this.#to.end(), oneWayMs)
  }

  #deliver(piece: Buffer): void {
    noteReceived(piece)
    this.#to.write(piece)
    setTimeout(() => {
      this.#inFlight -= piece.length
      this.#window = Math.min(this.#window + piece.length, LARGEST_WINDOW)
      this.#send()
    }, oneWayMs)
  }
}

function pass(client: Socket, port: number): void {
  const opensAt = performance.now() + roundTripMs
  const server = createConnection({ port, host: '127.0.0.1', noDelay: true })
  client.setNoDelay(true)
  const onTheWay: (() => void)[] = []
  // Timers of different lengths that end together may swap: each takes the oldest.
  const send = (work: () => void): void => {
    onTheWay.push(work)
    setTimeout(() => onTheWay.shift()?.(), Math.max(0, opensAt - performance.now()) + oneWayMs)
  }
  client.on('data', (chunk) => {
    noteSent(chunk)
    send(() => server.write(chunk))
  })
  client.on('end', () => send(() => server.end()))
  new Download(server, client)
  client.on('error', () => server.destroy())
  server.on('error', () => client.destroy())
  // Not the other way round: what a server sent before it closed is still on its way.
  client.on('close', () => server.destroy())
}

const ports = await Promise.all(
  upstreams.map(async (upstream) => {
    const server = createServer({ allowHalfOpen: true }, (client) => pass(client, upstream))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    return address === null || typeof address === 'string' ? 0 : address.port
  }),
)
process.on('message', () => {
  const taken: Traffic = traffic
  traffic = { received: 0, requests: 0, rounds: 0 }
  isAnswered = true
  process.send?.(taken)
})
process.on('disconnect', () => process.exit())
process.send?.(ports)
