/** Stands in for the API that Claude Code talks to: notes what it is asked and answers as a test says. */
import { list, object, optional } from '../../src/core/parse.ts'
import { type Event, Loopback, textsIn } from './loopback.ts'

/** What the model does: says something, or uses a tool. */
export type Turn = { readonly says: string } | { readonly uses: string; readonly input: object }

export interface Asked {
  /** Everything that the model is shown but for its standing instructions. */
  readonly text: string
}

/** Claude Code asks small things on the side, with few tools or none. */
const LEAST_TOOLS = 4

export class MessagesApi {
  /** Of conversations alone. */
  readonly asked: Asked[] = []
  /** What the model does next; it says `done` when nothing is left. */
  readonly script: Turn[] = []
  #server: Loopback | undefined

  static async start(): Promise<MessagesApi> {
    const api = new MessagesApi()
    api.#server = await Loopback.start((path, body) => {
      if (path !== '/v1/messages') return undefined
      const tools = optional(body['tools'], path, (found) => list(found, path)) ?? []
      if (tools.length < LEAST_TOOLS) return reply({ says: 'ok' }, 'side')
      api.asked.push({
        text: list(body['messages'], path)
          .flatMap((one) => textsIn(object(one, path)))
          .join('\n'),
      })
      return reply(api.script.shift() ?? { says: 'done' }, String(api.asked.length))
    })
    return api
  }

  get url(): string {
    return this.#server?.url ?? ''
  }

  get last(): Asked {
    const last = this.asked.at(-1)
    if (last === undefined) throw new Error('nobody has asked anything')
    return last
  }

  async close(): Promise<void> {
    await this.#server?.close()
  }
}

function reply(turn: Turn, id: string): Event[] {
  const isTool = 'uses' in turn
  const usage = { input_tokens: 1, output_tokens: 1 }
  const message = { id: `msg_${id}`, type: 'message', role: 'assistant', model: 'stand-in', content: [] }
  const [block, delta] = isTool
    ? [
        { type: 'tool_use', id: `toolu_${id}`, name: turn.uses, input: {} },
        { type: 'input_json_delta', partial_json: JSON.stringify(turn.input) },
      ]
    : [
        { type: 'text', text: '' },
        { type: 'text_delta', text: turn.says },
      ]
  return [
    { type: 'message_start', message: { ...message, stop_reason: null, stop_sequence: null, usage } },
    { type: 'content_block_start', index: 0, content_block: block },
    { type: 'content_block_delta', index: 0, delta },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: isTool ? 'tool_use' : 'end_turn', stop_sequence: null },
      usage,
    },
    { type: 'message_stop' },
  ]
}
