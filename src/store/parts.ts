/** Several streams as one: all of them arrive at once, and are passed on one after the other. */

/** Where a part of an object begins, and where it ends; the last one is open. Bytes. */
export interface Part {
  readonly start: number
  readonly end: number | undefined
}

/** Equal parts, in their order. */
export function partsOf(start: number, end: number, count: number): Part[] {
  const at = (index: number): number => start + Math.floor(((end - start) * index) / count)
  return Array.from({ length: count }, (_, index) => ({
    start: at(index),
    // Open, so that an object that is longer than was promised is found out.
    end: index === count - 1 ? undefined : at(index + 1),
  }))
}

/** @param parts of one object, in their order. What arrives before its turn is held in memory. */
export async function* joined(parts: readonly AsyncIterable<Buffer>[]): AsyncGenerator<Buffer> {
  const ahead = parts.map((part) => new Ahead(part))
  try {
    for (const part of ahead) yield* part.chunks()
  } finally {
    for (const part of ahead) part.end()
  }
}

/** Reads ahead of whoever takes the chunks. */
class Ahead {
  private readonly source: AsyncIterator<Buffer>
  private readonly arrived: Buffer[] = []
  private readonly reading: Promise<void>
  private isOver = false
  private wake: () => void = () => {}

  constructor(source: AsyncIterable<Buffer>) {
    this.source = source[Symbol.asyncIterator]()
    this.reading = this.read().finally(() => {
      this.isOver = true
      this.wake()
    })
    // Heard by whoever takes the chunks.
    this.reading.catch(() => {})
  }

  async *chunks(): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = this.arrived.shift()
      if (chunk !== undefined) yield chunk
      else if (this.isOver) return await this.reading
      else {
        await new Promise<void>((resolve) => {
          this.wake = resolve
        })
      }
    }
  }

  end(): void {
    // Not awaited: a stalled source may never settle, and destroying it is all we want.
    void this.source.return?.()
  }

  private async read(): Promise<void> {
    for (let next = await this.source.next(); next.done !== true; next = await this.source.next()) {
      this.arrived.push(next.value)
      this.wake()
    }
  }
}
