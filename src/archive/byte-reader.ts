/** The output of `git cat-file --batch`: lines, and bytes that a line has counted. */
import { SkillsctlError } from '../core/errors.ts'

/** Takes lines and counted bytes from a stream. */
export class ByteReader {
  private readonly chunks: AsyncIterator<Buffer>
  private parts: Buffer[] = []
  private available = 0

  constructor(stream: AsyncIterable<Buffer>) {
    this.chunks = stream[Symbol.asyncIterator]()
  }

  async line(): Promise<string> {
    for (;;) {
      const joined = this.joined()
      const end = joined.indexOf(10)
      if (end >= 0) return (await this.take(end + 1)).subarray(0, end).toString('utf8')
      await this.more()
    }
  }

  async take(count: number): Promise<Buffer> {
    while (this.available < count) await this.more()
    const joined = this.joined()
    this.parts = [joined.subarray(count)]
    this.available -= count
    return joined.subarray(0, count)
  }

  private joined(): Buffer {
    if (this.parts.length !== 1) this.parts = [Buffer.concat(this.parts)]
    return this.parts[0] ?? Buffer.alloc(0)
  }

  private async more(): Promise<void> {
    const { value, done } = await this.chunks.next()
    if (done === true) throw new SkillsctlError('failed', 'git ended early', { subject: 'git cat-file' })
    this.parts.push(value)
    this.available += value.length
  }
}
