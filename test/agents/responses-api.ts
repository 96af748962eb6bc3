/** Stands in for the API that Codex talks to: notes what it is asked and always answers `done`. */
import { list, object } from '../../src/core/parse.ts'
import { type Event, Loopback, textsIn } from './loopback.ts'

export class ResponsesApi {
  /** Everything that the model was shown, by request. */
  readonly asked: string[] = []
  #server: Loopback | undefined

  static async start(): Promise<ResponsesApi> {
    const api = new ResponsesApi()
    api.#server = await Loopback.start((path, body) => {
      if (!path.endsWith('/responses')) return undefined
      api.asked.push(
        list(body['input'], path)
          .flatMap((one) => textsIn(object(one, path)))
          .join('\n'),
      )
      return reply(String(api.asked.length))
    })
    return api
  }

  get url(): string {
    return this.#server?.url ?? ''
  }

  async close(): Promise<void> {
    await this.#server?.close()
  }
}

function reply(id: string): Event[] {
  const content = [{ type: 'output_text', text: 'done', annotations: [] }]
  const item = { id: `msg_${id}`, type: 'message', role: 'assistant', status: 'completed', content }
  const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 }
  const response = { id: `resp_${id}`, status: 'completed', output: [item], usage }
  return [
    { type: 'response.created', response: { id: response.id, status: 'in_progress', output: [] } },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response },
  ]
}
