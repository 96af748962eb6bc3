/** Stands in for the API of a model that is told something once: notes what it is shown and always answers `done`. */
import type { Fields } from '../../src/core/parse.ts'
import { type Event, Loopback, textsIn } from './loopback.ts'

/** How an agent talks to its model. */
export interface Dialect {
  /** Everything that a model would be shown; undefined for what is no conversation. */
  readonly shown: (path: string, body: Fields) => unknown
  readonly done: (id: string) => readonly Event[]
}

export class ModelApi {
  /** Everything that the model was shown, by request. */
  readonly asked: string[] = []
  #server: Loopback | undefined

  static async start({ shown, done }: Dialect): Promise<ModelApi> {
    const api = new ModelApi()
    api.#server = await Loopback.start((path, body) => {
      const found = shown(path, body)
      if (found === undefined) return undefined
      api.asked.push(textsIn(found).join('\n'))
      return done(String(api.asked.length))
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

/** As Codex speaks. */
export const RESPONSES: Dialect = {
  shown: (path, { input }) => (path.endsWith('/responses') ? input : undefined),
  done: (id) => {
    const content = [{ type: 'output_text', text: 'done', annotations: [] }]
    const item = { id: `msg_${id}`, type: 'message', role: 'assistant', status: 'completed', content }
    const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 }
    const response = { id: `resp_${id}`, status: 'completed', output: [item], usage }
    return [
      { type: 'response.created', response: { id: response.id, status: 'in_progress', output: [] } },
      { type: 'response.output_item.done', output_index: 0, item },
      { type: 'response.completed', response },
    ]
  },
}

/** As OpenCode speaks to models that are none of its own. */
export const CHAT_COMPLETIONS: Dialect = {
  shown: (path, { messages }) => (path.endsWith('/chat/completions') ? messages : undefined),
  done: (id) => {
    const chunk = { id, object: 'chat.completion.chunk', created: 1, model: 'stand-in' }
    const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
    return [
      { ...chunk, choices: [{ index: 0, delta: { role: 'assistant', content: 'done' } }] },
      { ...chunk, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage },
    ]
  },
}

/** As Gemini CLI speaks. */
export const GEMINI: Dialect = {
  shown: (path, { systemInstruction, contents }) =>
    path.endsWith(':streamGenerateContent') ? [systemInstruction, contents] : undefined,
  done: () => {
    const content = { role: 'model', parts: [{ text: 'done' }] }
    const usageMetadata = { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 }
    return [{ candidates: [{ content, finishReason: 'STOP', index: 0 }], usageMetadata }]
  },
}
