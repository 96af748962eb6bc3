import { expect, test } from 'vitest'
import { parseInput } from '../../cli/hook-input.ts'

test('what an agent says is read, whatever else it says', () => {
  const text =
    '{"session_id":"7f-3a","hook_event_name":"SessionStart","source":"resume","model":{"x":[]},"cwd":"/"}'
  expect(parseInput(text)).toEqual({
    event: 'SessionStart',
    session: '7f-3a',
    source: 'resume',
    reason: undefined,
  })
})

test.each([
  'hello',
  '[]',
  'null',
  '{}',
  '{"hook_event_name":"SessionStart"}',
  '{"hook_event_name":"SessionStart","session_id":7}',
  '{"hook_event_name":"SessionStart","session_id":""}',
  '{"hook_event_name":"SessionStart","session_id":"a\\nb"}',
  `{"hook_event_name":"SessionStart","session_id":"${'a'.repeat(201)}"}`,
  '{"hook_event_name":"SessionStart","session_id":"a","source":{}}',
  '{"hook_event_name":["SessionStart"],"session_id":"a"}',
])('%s is nothing that an agent says', (text) => {
  expect(() => parseInput(text)).toThrow(expect.objectContaining({ code: 'corrupt' }))
})
