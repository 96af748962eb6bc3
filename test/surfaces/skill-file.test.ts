import { expect, it } from 'vitest'
import { readSkillFile } from '../../src/surfaces/skill-file.ts'

it('reads the head and the body of a SKILL.md', () => {
  expect(readSkillFile('---\nname: a\n---\n# a\n')).toEqual({
    fields: { name: 'a' },
    head: 'name: a\n',
    body: '# a\n',
  })
})

it.each([
  ['# a\n', 'has no head between two lines of ---'],
  ['---\nname: a\n', 'has no head between two lines of ---'],
  ['---\n---\n', 'has a head without fields'],
  ['---\n- a\n---\n', 'has a head without fields'],
  ['---\nname: [\n---\n', 'has a head that is not YAML'],
  ['---\nname: a\nname: b\n---\n', 'has a head that is not YAML'],
  ['---\ndescription: plays: all\n---\n', 'has a head that is not YAML'],
  ['---\na: &a [x]\nb: [*a, *a]\n---\n', 'has a head that is not YAML'],
])('%j %s', (text, problem) => {
  expect(readSkillFile(text)).toMatchObject({ fields: {}, problem })
})
