/** Which code an input has reached, asked of V8 itself: what reaches something new is worth mutating further. */
import { Session } from 'node:inspector/promises'

export class Coverage {
  readonly #session = new Session()
  readonly #seen = new Set<string>()

  /** Started before the code under test is loaded, so that its branches are counted as well as its functions. */
  async start(): Promise<void> {
    this.#session.connect()
    await this.#session.post('Profiler.enable')
    await this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Blocks that ran since the last call and were never noted, counted in powers of four: loops matter, too. */
  async fresh(): Promise<readonly string[]> {
    const { result } = await this.#session.post('Profiler.takePreciseCoverage')
    const fresh: string[] = []
    for (const { url, scriptId, functions } of result) {
      if (!isUnderTest(url)) continue
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          const block = `${scriptId} ${startOffset} ${endOffset} ${Math.floor(Math.log2(count) / 2)}`
          if (count > 0 && !this.#seen.has(block)) fresh.push(block)
        }
      }
    }
    return fresh
  }

  note(blocks: readonly string[]): void {
    for (const block of blocks) this.#seen.add(block)
  }

  async stop(): Promise<void> {
    await this.#session.post('Profiler.stopPreciseCoverage')
    this.#session.disconnect()
  }
}

/** Ours, and the libraries that read bytes for us. */
function isUnderTest(url: string): boolean {
  return /\/(?:src\/(?:core|trust|archive|home|store|disk|flows)|node_modules\/(?:tar|@tufjs|tuf-js))\//.test(
    url,
  )
}
