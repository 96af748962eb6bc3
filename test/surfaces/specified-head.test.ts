import { describe, expect, it } from 'vitest'
import { readSkillFile } from '../../src/surfaces/skill-file.ts'
import { withSpecifiedFields } from '../../src/surfaces/specified-head.ts'

function cut(text: string) {
  return withSpecifiedFields(text, readSkillFile(text))
}

const BODY = '\n# Play\n\nmodel: of the body\n---\nend, without newline'

describe('fields that are not of the specification', () => {
  it('are cut out, and everything else stays byte for byte', () => {
    const text = `---
# of the file
name:   quarterback   # odd spacing
model: opus           # goes with its line
description: >-
  Calls the play,
  when asked.
hooks:
  PreToolUse:
    - matcher: "Bash"

      hooks: [a, b]
license: 'MIT'
when_to_use: |
  Always.

  Really.
# of the metadata
metadata: {author: "acme", version: '1.0'}
argument-hint: [play,
  player]
---${BODY}`
    expect(cut(text)).toEqual({
      dropped: ['model', 'hooks', 'when_to_use', 'argument-hint'],
      text: `---
# of the file
name:   quarterback   # odd spacing
description: >-
  Calls the play,
  when asked.
license: 'MIT'
# of the metadata
metadata: {author: "acme", version: '1.0'}
---${BODY}`,
    })
  })

  it('may be none: then nothing changes, however it is written', () => {
    const text = `---\n{ name: a, description: "b" }\n---${BODY}`
    expect(cut(text)).toEqual({ dropped: [], text })
  })

  it('leave the line ends of Windows as they are', () => {
    const text = '---\r\nname: a\r\nmodel: opus\r\nshell:\r\n  - bash\r\ndescription: b\r\n---\r\nbody\r\n'
    expect(cut(text)?.text).toBe('---\r\nname: a\r\ndescription: b\r\n---\r\nbody\r\n')
  })

  it.each([
    ['first', '---\nmodel: opus\nname: a\n---\n', '---\nname: a\n---\n'],
    ['last', '---\nname: a\nmodel: opus\n---\n', '---\nname: a\n---\n'],
    ['empty', '---\nname: a\nmodel:\nlicense: b\n---\n', '---\nname: a\nlicense: b\n---\n'],
    ['in quotes', '---\nname: a\n"model": opus\n---\n', '---\nname: a\n---\n'],
    ['indented', '---\n  name: a\n  model: opus\n---\n', '---\n  name: a\n---\n'],
    ['without a newline after the head', '---\nname: a\nmodel: opus\n---', '---\nname: a\n---'],
    ['called like something of JavaScript', '---\nname: a\nconstructor: b\n---\n', '---\nname: a\n---\n'],
  ])('go where they are %s', (_, text, expected) => {
    expect(cut(text)?.text).toBe(expected)
  })

  it.each([
    ['on one line with others', '---\n{name: a, model: opus}\n---\n'],
    ['a tag of their own line', '---\n!!map\n? name\n: a\n? model\n: b\n---\n'],
  ])('are not touched where cutting would hurt: %s', (_, text) => {
    const found = cut(text)
    if (found !== undefined) expect(readSkillFile(found.text).fields).toEqual({ name: 'a' })
    else expect(readSkillFile(text).fields).toHaveProperty('model')
  })
})
