import { expect, test } from 'vitest'
import { isScratch } from '../../src/core/scratch.ts'

test.each([
  ['.DS_Store', true],
  ['skills/a/.DS_Store', true],
  ['skills/a/__pycache__/tool.cpython-312.pyc', true],
  ['skills/a/._SKILL.md', true],
  ['skills/a/.SKILL.md.swp', true],
  ['skills/a/SKILL.md~', true],
  ['skills/a/.#SKILL.md', true],
  ['skills/a/#SKILL.md#', true],
  ['skills/a/tool.pyc', true],
  ['skills/a/SKILL.md', false],
  ['__pycache__', false],
  ['skills/my__pycache__/a', false],
  ['notes.swp', false],
  ['.env', false],
])('%s is scratch: %s', (path, expected) => {
  expect(isScratch(path)).toBe(expected)
})
